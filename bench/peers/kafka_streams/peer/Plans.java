package peer;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.PriorityQueue;

/** Which crew builds which section, from which day, for how many days. */
final class Plans {
  static final String POOL = "crew-pool";
  static final String PER_SECTION = "crew-per-section";
  private static final int FULL_HEIGHT_FT = 30;

  /** One unfinished section, as a crew builds it; days count from 1. */
  record Task(int section, String crew, int firstDay, int days, boolean relieves) {}

  /** A crew of a pool and the day on which it is free, or relieved in the end. */
  record Free(int day, int crew) implements Comparable<Free> {
    @Override
    public int compareTo(Free other) {
      return day != other.day ? Integer.compare(day, other.day) : Integer.compare(crew, other.crew);
    }
  }

  /** The tasks of each profile, in order, and the crews that are relieved when all is done. */
  record Plan(List<List<Task>> profiles, Collection<Free> relieved) {}

  private Plans() {}

  /** The plan of a wall's profiles, in the order of their numbers. */
  static Plan of(WallState wall) {
    return switch (wall.mode) {
      case POOL -> pool(wall.profiles, wall.crews);
      case PER_SECTION -> perSection(wall.profiles);
      default -> throw new IllegalArgumentException("this peer has no mode " + wall.mode);
    };
  }

  private static Plan pool(List<WallState.Profile> profiles, int crews) {
    long unfinished = 0;
    for (WallState.Profile profile : profiles) {
      for (byte height : profile.heights()) {
        unfinished += height < FULL_HEIGHT_FT ? 1 : 0;
      }
    }
    var free = new PriorityQueue<Free>();
    for (int crew = 1; crew <= Math.min(crews, unfinished); crew++) {
      free.add(new Free(1, crew));
    }
    var plans = new ArrayList<List<Task>>();
    for (WallState.Profile profile : profiles) {
      var tasks = new ArrayList<Task>();
      for (int at = 0; at < profile.heights().length; at++) {
        int days = FULL_HEIGHT_FT - profile.heights()[at];
        if (days > 0) {
          Free next = free.poll();
          tasks.add(new Task(at + 1, Integer.toString(next.crew()), next.day(), days, false));
          free.add(new Free(next.day() + days, next.crew()));
        }
      }
      plans.add(tasks);
    }
    return new Plan(plans, free);
  }

  private static Plan perSection(List<WallState.Profile> profiles) {
    var plans = new ArrayList<List<Task>>();
    for (WallState.Profile profile : profiles) {
      var tasks = new ArrayList<Task>();
      for (int at = 0; at < profile.heights().length; at++) {
        int days = FULL_HEIGHT_FT - profile.heights()[at];
        if (days > 0) {
          tasks.add(new Task(at + 1, profile.number() + "." + (at + 1), 1, days, true));
        }
      }
      plans.add(tasks);
    }
    return new Plan(plans, List.of());
  }
}
