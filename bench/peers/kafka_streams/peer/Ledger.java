package peer;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.avro.io.BinaryDecoder;

/** Accounts for each profile, and publishes its rows when its plan is complete. */
final class Ledger extends Stage {
  private static final int COMPLETE = 1;

  /** Cubic yards a foot takes, and gold dragons that one costs. */
  private record Material(int yd3PerFt, int gdPerYd3) {}

  private static final Map<String, Material> MATERIALS =
      Map.of("ice", new Material(195, 1_900), "packed-snow", new Material(390, 240));

  private final int ledgerState = wire.id("LedgerState");
  private final int profilePlanned = wire.id("ProfilePlanned");
  private final int dailyUsage = wire.id("DailyUsage");
  private final int planReplaced = wire.id("PlanReplaced");
  private final int profileCompleted = wire.id("ProfileCompleted");
  private final int profileOverview = wire.id("ProfileOverview");
  private final int profileTotals = wire.id("ProfileTotals");
  private BinaryDecoder reusedRow;

  Ledger(Wire wire) {
    super(wire, "ledger");
  }

  @Override
  void handle(int id, BinaryDecoder in) throws IOException {
    String wall = in.readString();
    int profile = in.readInt();
    long version = in.readLong();
    String key = wall + "/" + profile;
    LedgerState row = row(key);
    if (version <= row.published || version < row.building) {
      return;
    }
    if (version > row.building) {
      row.begin(version);
    }
    if (id == profilePlanned) {
      row.mode = in.readString();
      row.crews = Wire.readOptional(in);
      row.material = in.readString();
      row.sections = in.readInt();
      row.unfinished = in.readInt();
    } else {
      int[] sections = Wire.readInts(in);
      int[] firstDays = Wire.readInts(in);
      int[] days = Wire.readInts(in);
      for (int at = 0; at < sections.length; at++) {
        row.mark(sections[at], firstDays[at], days[at]);
      }
    }
    if (row.built == row.unfinished) {
      publish(wall, profile, key, row);
    }
    rows.put(key, out.record(ledgerState, row::write));
  }

  private LedgerState row(String key) throws IOException {
    byte[] value = rows.get(key);
    if (value == null) {
      return new LedgerState();
    }
    reusedRow = Wire.body(value, reusedRow);
    return LedgerState.read(reusedRow);
  }

  private void publish(String wall, int profile, String key, LedgerState row) {
    long version = row.building;
    Material material = MATERIALS.get(row.material);
    var changes = new TreeMap<Integer, Integer>();
    row.each((firstDay, days) -> {
      changes.merge(firstDay, 1, Integer::sum);
      changes.merge(firstDay + days, -1, Integer::sum);
    });
    changes.values().removeIf(change -> change == 0);
    int first = changes.isEmpty() ? 0 : changes.firstKey();
    int last = changes.isEmpty() ? 0 : changes.lastKey() - 1;
    long feetByNow = 0;
    int atWork = 0;
    for (int day = first; day <= last && day > 0; day++) {
      atWork += changes.getOrDefault(day, 0);
      if (atWork > 0) {
        feetByNow += atWork;
        long ice = (long) atWork * material.yd3PerFt();
        long cumulative = feetByNow * material.yd3PerFt() * material.gdPerYd3();
        int today = day;
        byte[] usage = out.record(dailyUsage, fields -> {
          fields.writeString(wall);
          fields.writeInt(profile);
          fields.writeInt(today);
          fields.writeLong(version);
          fields.writeLong(ice);
          fields.writeLong(ice * material.gdPerYd3());
          fields.writeLong(cumulative);
        });
        send("daily-out", key + "/" + day, usage);
      }
    }
    for (int day = row.publishedFrom; day <= row.publishedTo && day > 0; day++) {
      if (day < first || day > last) {
        send("daily-out", key + "/" + day, null);
      }
    }
    audit(wall, profile, key, row, version, last);
    announce(wall, profile, key, row, last, feetByNow * material.yd3PerFt(), material, changes);
    row.published = version;
    row.publishedFrom = first;
    row.publishedTo = last;
    row.begin(version);
  }

  private void audit(
      String wall, int profile, String key, LedgerState row, long version, int last) {
    if (row.published >= 0) {
      byte[] replaced = out.record(planReplaced, fields -> {
        fields.writeString(wall);
        fields.writeInt(profile);
        fields.writeLong(row.published);
        fields.writeLong(version);
      });
      send("ledger-events-out", key, replaced);
    }
    byte[] completed = out.record(profileCompleted, fields -> {
      fields.writeString(wall);
      fields.writeInt(profile);
      fields.writeLong(version);
      fields.writeInt(last);
    });
    send("ledger-events-out", key, completed);
  }

  private void announce(
      String wall, int profile, String key, LedgerState row, int last, long ice,
      Material material, TreeMap<Integer, Integer> changes) {
    byte[] overview = out.record(profileOverview, fields -> {
      fields.writeString(wall);
      fields.writeInt(profile);
      fields.writeLong(row.building);
      fields.writeEnum(COMPLETE);
      fields.writeInt(row.sections);
      fields.writeInt(last);
      fields.writeLong(ice);
      fields.writeLong(ice * material.gdPerYd3());
    });
    send("profile-overview-out", key, overview);
    List<Integer> steps = new ArrayList<>(changes.values());
    List<Integer> stepDays = new ArrayList<>(changes.keySet());
    byte[] totals = out.record(profileTotals, fields -> {
      fields.writeString(wall);
      fields.writeInt(profile);
      fields.writeLong(row.building);
      fields.writeEnum(COMPLETE);
      fields.writeBoolean(false);
      fields.writeString(row.mode);
      Wire.writeOptional(fields, row.crews);
      fields.writeString(row.material);
      fields.writeInt(row.sections);
      fields.writeInt(last);
      fields.writeLong(ice);
      fields.writeLong(ice * material.gdPerYd3());
      Wire.writeInts(fields, stepDays);
      Wire.writeInts(fields, steps);
      fields.writeLong(row.building);
    });
    send("totals-out", wall, totals);
  }
}
