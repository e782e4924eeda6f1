package peer;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;

/** A wall as last accepted: the planner's row. */
final class WallState {
  String mode = Plans.PER_SECTION;
  Integer crews;
  String material = "ice";
  long settingsChangedAt = -1;
  final List<Profile> profiles = new ArrayList<>();

  /** One profile; its heights in feet, one byte a section. */
  record Profile(int number, byte[] heights, long changedAt) {}

  /** Writes a profile in place of the one of its number. */
  void put(Profile profile) {
    profiles.removeIf(known -> known.number() == profile.number());
    profiles.add(profile);
    profiles.sort(Comparator.comparingInt(Profile::number));
  }

  static WallState read(BinaryDecoder in) throws IOException {
    var state = new WallState();
    state.mode = in.readString();
    state.crews = Wire.readOptional(in);
    state.material = in.readString();
    state.settingsChangedAt = in.readLong();
    for (long count = in.readArrayStart(); count != 0; count = in.arrayNext()) {
      for (long item = 0; item < count; item++) {
        state.profiles.add(new Profile(in.readInt(), Wire.readBytes(in), in.readLong()));
      }
    }
    return state;
  }

  void write(BinaryEncoder fields) throws IOException {
    fields.writeString(mode);
    Wire.writeOptional(fields, crews);
    fields.writeString(material);
    fields.writeLong(settingsChangedAt);
    fields.writeArrayStart();
    fields.setItemCount(profiles.size());
    for (Profile profile : profiles) {
      fields.startItem();
      fields.writeInt(profile.number());
      fields.writeBytes(profile.heights());
      fields.writeLong(profile.changedAt());
    }
    fields.writeArrayEnd();
  }
}
