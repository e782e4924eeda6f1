package peer;

import java.io.IOException;
import org.apache.avro.io.BinaryDecoder;

/** Builds the sections that each crew is told to; the store has the last order of each crew. */
final class Crews extends Stage {
  private final int crewRow = wire.id("CrewRow");
  private final int relieveCrew = wire.id("RelieveCrew");
  private final int crewRelieved = wire.id("CrewRelieved");
  private final int sectionCompleted = wire.id("SectionCompleted");
  private final int sectionsBuilt = wire.id("SectionsBuilt");
  private BinaryDecoder reusedRow;

  Crews(Wire wire) {
    super(wire, "crews");
  }

  @Override
  void handle(int id, BinaryDecoder in) throws IOException {
    if (id == relieveCrew) {
      relieve(in);
    } else {
      build(in);
    }
  }

  private void build(BinaryDecoder in) throws IOException {
    String wall = in.readString();
    int profile = in.readInt();
    long version = in.readLong();
    int section = in.readInt();
    String crew = in.readString();
    int firstDay = in.readInt();
    int days = in.readInt();
    int day = firstDay + days - 1;
    Integer relievedOn = in.readBoolean() ? Integer.valueOf(day + 1) : null;
    rows.put(wall + "/" + crew, row(version, profile, section, day, relievedOn));
    String of = wall + "/" + profile;
    byte[] completed = out.record(sectionCompleted, fields -> {
      fields.writeString(wall);
      fields.writeInt(profile);
      fields.writeLong(version);
      fields.writeInt(section);
      fields.writeString(crew);
      fields.writeInt(day);
      Wire.writeOptional(fields, relievedOn);
      Wire.writeOptional(fields, null); // no run of a clock,
      Wire.writeOptional(fields, null); // and so no time at which the day was due
    });
    send("crew-events-out", of + "/" + section, completed);
    byte[] built = out.record(sectionsBuilt, fields -> {
      fields.writeString(wall);
      fields.writeInt(profile);
      fields.writeLong(version);
      for (int value : new int[] {section, firstDay, days}) {
        fields.writeArrayStart();
        fields.setItemCount(1);
        fields.startItem();
        fields.writeInt(value);
        fields.writeArrayEnd();
      }
    });
    send("built-out", of, built);
  }

  private void relieve(BinaryDecoder in) throws IOException {
    String wall = in.readString();
    String crew = in.readString();
    long version = in.readLong();
    int day = in.readInt();
    int profile = 0;
    int section = 0;
    int busyUntil = 0;
    String key = wall + "/" + crew;
    byte[] last = rows.get(key);
    if (last != null) {
      reusedRow = Wire.body(last, reusedRow);
      reusedRow.readLong();
      profile = reusedRow.readInt();
      section = reusedRow.readInt();
      busyUntil = reusedRow.readInt();
    }
    rows.put(key, row(version, profile, section, busyUntil, day));
    byte[] relieved = out.record(crewRelieved, fields -> {
      fields.writeString(wall);
      fields.writeString(crew);
      fields.writeLong(version);
      fields.writeInt(day);
      Wire.writeOptional(fields, null); // no run of a clock,
      Wire.writeOptional(fields, null); // and so no time at which the day was due
    });
    send("crew-events-out", wall + "/crew/" + crew, relieved);
  }

  private byte[] row(long version, int profile, int section, int busyUntil, Integer relievedOn) {
    return out.record(crewRow, fields -> {
      fields.writeLong(version);
      fields.writeInt(profile);
      fields.writeInt(section);
      fields.writeInt(busyUntil);
      Wire.writeOptional(fields, relievedOn);
    });
  }
}
