"""What grows, and what the rest does then: `python -m benchmarks.growth [--quick] [curve ...]`.

One stack, and one curve after the other: the size of a batch, the recipients of an event, the rows in the tables, the
way to SQS, the open sockets. Events are published beforehand, so that only consuming is measured. The figure to trust
on a machine that others use, too, is CPU for one notification; seconds follow the mood of the machine.
"""
