"""The bell: JSON only at run time, every task on a queue somebody reads, the beat names tasks that exist (A26)."""

import pickle

import pytest
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads

from helpdesk.celery import app

OURS = ("channels_inbox.", "tickets.", "helpdesk.")


@pytest.fixture(scope="module")
def tasks() -> dict:
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if name.startswith(OURS)}


def test_json_is_all_that_is_written_and_read():
    # A26
    assert app.conf.accept_content == ["json"]
    assert (app.conf.task_serializer, app.conf.result_backend) == ("json", None)
    assert app.conf.event_serializer == "json"


@pytest.mark.parametrize(
    "kind", ["application/x-python-serialize", "application/x-yaml", "application/x-msgpack"]
)
def test_anything_else_is_refused_before_it_is_read(kind):
    # A26 (a real worker meets a pickle in tests/flows/test_faults.py)
    with pytest.raises(ContentDisallowed):
        loads(pickle.dumps({}), kind, "binary", accept=app.conf.accept_content)


def test_every_task_has_a_queue_and_every_queue_a_reader(tasks, settings):
    assert len(tasks) >= 8
    for name in tasks:
        assert name in settings.CELERY_TASK_ROUTES, name
        assert app.amqp.router.route({}, name)["queue"].name in settings.CELERY_QUEUES_ALL
    assert set(settings.CELERY_TASK_ROUTES) <= set(tasks)  # no route of a task that is gone
    assert settings.CELERY_TASK_DEFAULT_QUEUE in settings.CELERY_QUEUES_ALL


def test_the_beat_table_names_tasks_that_exist(tasks, settings):
    table = app.conf.beat_schedule
    assert {row["task"] for row in table.values()} <= set(tasks)
    sweeps = [row for row in table.values() if "sweep" in row["task"]]
    assert len(sweeps) == 2
    for row in table.values():
        assert row["options"]["expires"]  # a worker that was away is not drowned in old bells
    assert {row["schedule"] for row in sweeps} == {float(settings.SWEEP_SECONDS)}


def test_a_task_ends_before_its_rows_lease_and_a_lease_before_the_broker_repeats(tasks, settings):
    # reliability 1.1; the session's own lease is shorter, so the default is read
    from helpdesk.lib.env import env_int

    lease = env_int("A_NAME_NOBODY_SETS", default=60)
    visibility = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    assert settings.CELERY_TASK_SOFT_TIME_LIMIT < settings.CELERY_TASK_TIME_LIMIT < lease < visibility
    for task in tasks.values():
        if task.time_limit:
            assert task.soft_time_limit < task.time_limit < visibility
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
