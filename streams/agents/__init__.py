"""The stages in the order in which an event passes them: one agent a file.

Each file has the stage, a plain function from a batch and table rows to messages, and the agent
that calls it. Agents never call each other: they meet at a topic.
"""
