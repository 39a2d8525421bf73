"""Spans out of events as asyncup's client writes them."""

from benchmarks.trace import Doing, Record, Span, Trace, spans_of

RECORDS: list[Record] = [
    (10.0, "UploadStarted", {"parts": 1}),
    (11.0, "PartRead", {"part": 1, "seconds": 0.5}),
    (12.0, "PartHashed", {"part": 1, "seconds": 0.75}),
    (12.0, "PartStarted", {"part": 1}),
    (12.0, "StageEntered", {"stage": "Stage.WIRE"}),
    (13.0, "StageEntered", {"stage": "Stage.VAULT"}),
    (13.5, "PartAcknowledged", {"part": 1}),
    (13.5, "StageEntered", {"stage": "Stage.VAULT"}),
]


def test_each_thing_that_is_done_to_a_part_is_a_span() -> None:
    assert list(spans_of(RECORDS)) == [
        Span(1, Doing.READ, 0.5, 1.0),
        Span(1, Doing.HASH, 1.25, 2.0),
        Span(1, Doing.SEND, 2.0, 3.0),
        Span(1, Doing.WAIT, 3.0, 3.5),
    ]


def test_a_trace_comes_back_from_json_as_it_went() -> None:
    trace = Trace("one upload", tuple(spans_of(RECORDS)))
    assert Trace.from_json(trace.as_json()) == trace
