"""Pictures of what a student's code did: records that a lab's draw.py makes, and renderers.

labs/<lab>/draw.py    PICTURES: names -> functions of the submission -> a record
exchange.py           Exchange: who sends what to whom, step by step
terminal.py svg.py perfetto.py    pure functions of a record
"""

from aisys_cli.draw.exchange import Exchange, Transfer

__all__ = ["Exchange", "Transfer"]
