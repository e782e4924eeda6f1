package peer;

import java.io.IOException;
import java.util.Collection;
import java.util.TreeMap;
import org.apache.avro.io.BinaryDecoder;

/** Adds up the profiles of each wall. */
final class Overview extends Stage {
  private static final int COMPLETE = 1;
  private final int totalsState = wire.id("TotalsState");
  private final int wallOverview = wire.id("WallOverview");

  private record Totals(int profile, long version, int sections, int days, long ice, long cost) {}

  Overview(Wire wire) {
    super(wire, "overview");
  }

  @Override
  void handle(int id, BinaryDecoder in) throws IOException {
    String wall = in.readString();
    int profile = in.readInt();
    long version = in.readLong();
    in.readEnum();
    in.readBoolean();
    String mode = in.readString();
    Integer crews = Wire.readOptional(in);
    String material = in.readString();
    var totals = new Totals(
        profile, version, in.readInt(), in.readInt(), in.readLong(), in.readLong());
    TreeMap<Integer, Totals> known = known(rows.get(wall));
    known.merge(profile, totals, (old, given) -> old.version() < given.version() ? given : old);
    Collection<Totals> all = known.values();
    rows.put(wall, out.record(totalsState, fields -> {
      fields.writeArrayStart();
      fields.setItemCount(all.size());
      for (Totals one : all) {
        fields.startItem();
        fields.writeInt(one.profile());
        fields.writeLong(one.version());
        fields.writeInt(one.sections());
        fields.writeInt(one.days());
        fields.writeLong(one.ice());
        fields.writeLong(one.cost());
      }
      fields.writeArrayEnd();
    }));
    byte[] overview = out.record(wallOverview, fields -> {
      fields.writeString(wall);
      fields.writeEnum(COMPLETE);
      fields.writeString(mode);
      Wire.writeOptional(fields, crews);
      fields.writeString(material);
      fields.writeInt(all.size());
      fields.writeInt(all.stream().mapToInt(Totals::sections).sum());
      fields.writeInt(all.stream().mapToInt(Totals::days).max().orElse(0));
      fields.writeLong(all.stream().mapToLong(Totals::ice).sum());
      fields.writeLong(all.stream().mapToLong(Totals::cost).sum());
    });
    send("overview-out", wall, overview);
  }

  private static TreeMap<Integer, Totals> known(byte[] row) throws IOException {
    var known = new TreeMap<Integer, Totals>();
    if (row != null) {
      BinaryDecoder in = Wire.body(row, null);
      for (long count = in.readArrayStart(); count != 0; count = in.arrayNext()) {
        for (long item = 0; item < count; item++) {
          var one = new Totals(
              in.readInt(), in.readLong(), in.readInt(), in.readInt(), in.readLong(),
              in.readLong());
          known.put(one.profile(), one);
        }
      }
    }
    return known;
  }
}
