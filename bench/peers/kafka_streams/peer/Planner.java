package peer;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.apache.avro.io.BinaryDecoder;

/** Folds a wall's log and tells its crews what to build: one command a section. */
final class Planner extends Stage {
  private static final int SETTINGS = 0;
  private static final int NOTHING = -1;
  private final int wallState = wire.id("WallState");
  private final int settingsAccepted = wire.id("SettingsAccepted");
  private final int profilePlanned = wire.id("ProfilePlanned");
  private final int buildSection = wire.id("BuildSection");
  private final int relieveCrew = wire.id("RelieveCrew");

  Planner(Wire wire) {
    super(wire, "planner");
  }

  @Override
  void handle(int id, BinaryDecoder in) throws IOException {
    String wall = in.readString();
    byte[] row = rows.get(wall);
    WallState state = row == null ? new WallState() : WallState.read(Wire.body(row, null));
    int first = id == settingsAccepted ? foldSettings(state, in) : foldProfile(state, in);
    if (first != NOTHING) {
      rows.put(wall, out.record(wallState, state::write));
      plan(wall, state, first);
    }
  }

  private int foldSettings(WallState state, BinaryDecoder in) throws IOException {
    String mode = in.readString();
    Integer crews = Wire.readOptional(in);
    String material = in.readString();
    if (mode.equals(state.mode) && Objects.equals(crews, state.crews)
        && material.equals(state.material)) {
      return NOTHING;
    }
    state.mode = mode;
    state.crews = crews;
    state.material = material;
    state.settingsChangedAt = offset();
    return SETTINGS;
  }

  private int foldProfile(WallState state, BinaryDecoder in) throws IOException {
    int number = in.readInt();
    if (in.readIndex() == 0) {
      throw new IllegalArgumentException("withdrawals are not part of the job that is timed");
    }
    byte[] heights = Wire.readBytes(in);
    for (WallState.Profile known : state.profiles) {
      if (known.number() == number && Arrays.equals(known.heights(), heights)) {
        return NOTHING;
      }
    }
    state.put(new WallState.Profile(number, heights, offset()));
    return number;
  }

  private void plan(String wall, WallState state, int first) {
    if (state.profiles.isEmpty()) {
      return;
    }
    Plans.Plan plan = Plans.of(state);
    boolean pooled = state.mode.equals(Plans.POOL);
    long earlier = state.settingsChangedAt;
    long version = earlier;
    for (int at = 0; at < state.profiles.size(); at++) {
      WallState.Profile profile = state.profiles.get(at);
      version = Math.max(earlier, profile.changedAt());
      if (pooled) {
        earlier = version;
      }
      int number = profile.number();
      if (number >= first && (pooled || first == SETTINGS || number == first)) {
        send(wall, state, profile, version, plan.profiles().get(at));
      }
    }
    long last = version;
    for (Plans.Free relieved : plan.relieved()) {
      String crew = Integer.toString(relieved.crew());
      byte[] value = out.record(relieveCrew, fields -> {
        fields.writeString(wall);
        fields.writeString(crew);
        fields.writeLong(last);
        fields.writeInt(relieved.day());
      });
      send("commands-out", wall + "/" + crew, value);
    }
  }

  private void send(
      String wall, WallState state, WallState.Profile profile, long version,
      List<Plans.Task> tasks) {
    byte[] planned = out.record(profilePlanned, fields -> {
      fields.writeString(wall);
      fields.writeInt(profile.number());
      fields.writeLong(version);
      fields.writeString(state.mode);
      Wire.writeOptional(fields, state.crews);
      fields.writeString(state.material);
      fields.writeInt(profile.heights().length);
      fields.writeInt(tasks.size());
      fields.writeBoolean(false);
      fields.writeLong(0); // submitted_ms
      fields.writeLong(-1); // batch_version
    });
    send("planned-out", wall + "/" + profile.number(), planned);
    for (Plans.Task task : tasks) {
      byte[] order = out.record(buildSection, fields -> {
        fields.writeString(wall);
        fields.writeInt(profile.number());
        fields.writeLong(version);
        fields.writeInt(task.section());
        fields.writeString(task.crew());
        fields.writeInt(task.firstDay());
        fields.writeInt(task.days());
        fields.writeBoolean(task.relieves());
      });
      send("commands-out", wall + "/" + task.crew(), order);
    }
  }
}
