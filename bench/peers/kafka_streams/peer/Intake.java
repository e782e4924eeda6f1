package peer;

import java.io.IOException;
import org.apache.avro.io.BinaryDecoder;

/** Checks what was submitted and puts it on the log of its wall. */
final class Intake extends Stage {
  private static final int FULL_HEIGHT_FT = 30;
  private static final int MAX_SECTIONS = 2_000;
  private final int profileSubmitted = wire.id("ProfileSubmitted");
  private final int profileAccepted = wire.id("ProfileAccepted");
  private final int settingsAccepted = wire.id("SettingsAccepted");

  Intake(Wire wire) {
    super(wire, null);
  }

  @Override
  void handle(int id, BinaryDecoder in) throws IOException {
    String wall = in.readString();
    if (id == profileSubmitted) {
      profile(wall, in);
    } else {
      settings(wall, in);
    }
  }

  private void profile(String wall, BinaryDecoder in) throws IOException {
    int profile = in.readInt();
    int[] submitted = Wire.readInts(in);
    byte[] heights = new byte[submitted.length];
    if (heights.length == 0 || heights.length > MAX_SECTIONS) {
      throw new IllegalArgumentException(heights.length + " sections in " + wall);
    }
    for (int at = 0; at < heights.length; at++) {
      if (submitted[at] < 0 || submitted[at] > FULL_HEIGHT_FT) {
        throw new IllegalArgumentException("height " + submitted[at] + " in " + wall);
      }
      heights[at] = (byte) submitted[at];
    }
    byte[] value = out.record(profileAccepted, fields -> {
      fields.writeString(wall);
      fields.writeInt(profile);
      fields.writeIndex(1);
      fields.writeBytes(heights);
      fields.writeInt(partition());
      fields.writeLong(offset());
    });
    send("accepted-out", wall, value);
  }

  private void settings(String wall, BinaryDecoder in) throws IOException {
    String given = in.readIndex() == 0 ? null : in.readString();
    Integer crews = Wire.readOptional(in);
    String material = in.readString();
    String mode = given != null ? given : crews == null ? Plans.PER_SECTION : Plans.POOL;
    byte[] value = out.record(settingsAccepted, fields -> {
      fields.writeString(wall);
      fields.writeString(mode);
      Wire.writeOptional(fields, crews);
      fields.writeString(material);
      fields.writeInt(partition());
      fields.writeLong(offset());
    });
    send("accepted-out", wall, value);
  }
}
