"""The clock of a wall as events: time enters a wall's log as ticks, and days are told from it.

The ticker asks for the days that are due, the planner reads when at a place on the wall's log, and
what is told there is a function of the log: of the clock and the plan in force, and of what was
told before.
"""
