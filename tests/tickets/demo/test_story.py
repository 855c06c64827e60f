"""The data of the demonstration: moments, order at any hour, files and reserved addresses."""

import io
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from tickets.demo.samples import PAPERS, PICTURES, TABLES, sample
from tickets.demo.story import cast, moment, promised, stories, timeline

ZONE = ZoneInfo("America/Sao_Paulo")


def test_moments_are_business_days_and_spans():
    monday = datetime(2026, 11, 23, 9, 7, tzinfo=ZONE)
    assert moment("-1 16:00", now=monday, zone=ZONE) == datetime(2026, 11, 20, 16, 0, tzinfo=ZONE)
    assert moment("+1 10:00", now=monday, zone=ZONE) == datetime(2026, 11, 24, 10, 0, tzinfo=ZONE)
    assert moment("-40m", now=monday, zone=ZONE) == datetime(2026, 11, 23, 8, 27, tzinfo=ZONE)
    assert promised("+2h", now=monday, zone=ZONE) == datetime(2026, 11, 23, 11, 30, tzinfo=ZONE)
    with pytest.raises(ValueError, match="no moment"):
        moment("logo", now=monday, zone=ZONE)


@pytest.mark.parametrize("hour", [0, 3, 9, 12, 18, 23])
@pytest.mark.parametrize("day", range(16, 23))
def test_stories_keep_their_order_at_any_hour_of_any_day(day, hour):
    now = datetime(2026, 11, day, hour, 1, tzinfo=ZONE)
    order = [(step.key, step.facts["at"]) for step in timeline(now, ZONE)]
    for story in stories():
        mine = [at for key, at in order if key == story["key"]]
        assert mine == [step["at"] for step in story["steps"]]
    assert max(step.at for step in timeline(now, ZONE)) < now
    places = [key for key, _at in order]
    assert places.index("conta-nova") > places.index("boleto-data")


def test_every_sample_file_is_what_its_name_says():
    for name in [*PICTURES, *PAPERS, *TABLES, "nfe-1932.xml"]:
        _name, content_type, content = sample(name)
        if content_type == "image/png":
            Image.open(io.BytesIO(content)).verify()
        elif content_type == "application/pdf":
            start = int(content.split(b"startxref\n")[1].split(b"\n")[0])
            assert content[start:].startswith(b"xref")
        else:
            assert content.decode()


def test_only_reserved_domains_and_invented_people():
    addresses = [facts["address"] for group in ("customers", "strangers") for facts in cast()[group].values()]
    assert all(address.endswith(".example") for address in addresses)
