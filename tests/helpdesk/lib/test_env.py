"""R-401: a wrong value stops the start and names the variable."""

import pytest

from helpdesk.lib import env
from helpdesk.lib.env import EnvError


@pytest.mark.parametrize(
    ("reader", "options", "raw", "expected"),
    [
        (env.env_str, {}, " pt-br ", "pt-br"),
        (env.env_str, {"choices": ("a", "b")}, "b", "b"),
        (env.env_bool, {}, "TRUE", True),
        (env.env_bool, {}, "off", False),
        (env.env_int, {"minimum": 1, "maximum": 65535}, "2525", 2525),
        (env.env_int, {}, "-3", -3),
        (env.env_list, {}, "a, b,c", ["a", "b", "c"]),
        (env.env_url, {"bare": True}, "https://desk.example/ajuda/", "https://desk.example/ajuda"),
        (env.env_url, {"schemes": ("redis", "unix")}, "unix:///tmp/x.sock", "unix:///tmp/x.sock"),
    ],
)
def test_reader_accepts(reader, options, raw, expected):
    assert reader("HD_X", environ={"HD_X": raw}, **options) == expected


@pytest.mark.parametrize(
    ("reader", "options", "raw", "says"),
    [
        (env.env_str, {"choices": ("leve", "padrao")}, "forte", "must be one of leve, padrao"),
        (env.env_str, {"min_length": 32}, "short", "at least 32 characters"),
        (env.env_str, {}, "a\nb", "one line"),
        (env.env_bool, {}, "maybe", "must be 1, true, yes, on"),
        (env.env_bool, {}, "2", "must be 1, true, yes, on"),
        (env.env_int, {}, "1_000", "whole number"),
        (env.env_int, {}, "٣", "whole number"),
        (env.env_int, {}, "1.5", "whole number"),
        (env.env_int, {"minimum": 1, "maximum": 9}, "10", "from 1 to 9, not 10"),
        (env.env_int, {"minimum": 1}, "0", "of at least 1"),
        (env.env_list, {}, "a,,b", "without empty items"),
        (env.env_list, {}, "a,a", "without repeated items"),
        (env.env_url, {}, "ftp://x.example", "scheme http or https"),
        (env.env_url, {}, "http://", "must be an address"),
        (env.env_url, {}, "http://x.example:99999", "must be an address"),
        (env.env_url, {"bare": True}, "https://u:p@x.example", "without login"),
    ],
)
def test_reader_refuses_naming_the_variable(reader, options, raw, says):
    with pytest.raises(EnvError) as refusal:
        reader("HD_X", environ={"HD_X": raw}, **options)
    assert str(refusal.value).startswith("HD_X: ")
    assert says in str(refusal.value)


@pytest.mark.parametrize("environ", [{}, {"HD_X": ""}, {"HD_X": "  "}])
def test_unset_and_empty_take_the_default_or_are_required(environ):
    assert env.env_int("HD_X", 7, environ=environ) == 7
    with pytest.raises(EnvError, match="HD_X: is required; set HD_X or HD_X_FILE"):
        env.env_int("HD_X", environ=environ)


def test_secret_comes_from_a_file(tmp_path):
    secret = tmp_path / "key"
    secret.write_text("s3cret\n")
    assert env.env_str("HD_KEY", environ={"HD_KEY_FILE": str(secret)}) == "s3cret"


def test_secret_file_missing_empty_or_doubled_is_refused(tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for environ, says in [
        ({"HD_KEY_FILE": str(tmp_path / "none")}, "HD_KEY_FILE: must name a readable text file"),
        ({"HD_KEY_FILE": str(empty)}, "HD_KEY_FILE: must name a file that is not empty"),
        ({"HD_KEY_FILE": str(empty), "HD_KEY": "x"}, "HD_KEY: is set together with HD_KEY_FILE"),
    ]:
        with pytest.raises(EnvError, match=says):
            env.env_str("HD_KEY", "default", environ=environ)


def test_error_never_repeats_a_text_that_may_be_secret():  # A25
    with pytest.raises(EnvError) as refusal:
        env.env_url("HD_X", environ={"HD_X": "hunter2 hunter2"})
    assert "hunter2" not in str(refusal.value)


def test_secret_is_required_unless_it_has_a_default():
    assert env.env_secret("HD_KEY", "", environ={}) == ""
    with pytest.raises(EnvError, match="HD_KEY_FILE"):
        env.env_secret("HD_KEY", environ={})


def test_reads_the_process_environment(monkeypatch):
    monkeypatch.setenv("HD_PORT", "8000")
    assert env.env_int("HD_PORT") == 8000
