import json

from biosyn.training.log import TrainLog


def row(epoch, acc1):
    return {"epoch": epoch, "dev": {"hybrid": {"acc1": acc1}}}


def rows_of(log):
    return [json.loads(line) for line in log.path.read_text(encoding="utf-8").splitlines()]


def test_the_file_holds_every_row_after_each_one(tmp_path):
    log = TrainLog(tmp_path)
    log.add({"epoch": 1, "loss": 0.5})
    assert rows_of(log) == [{"epoch": 1, "loss": 0.5}]
    log.add({"epoch": 2, "loss": 0.25})
    assert rows_of(log) == log.rows == [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]


def test_a_new_run_does_not_go_on_with_an_old_file(tmp_path):
    TrainLog(tmp_path).add({"epoch": 1})
    log = TrainLog(tmp_path)
    log.add({"epoch": 7})
    assert rows_of(log) == [{"epoch": 7}]


def test_a_resumed_run_goes_on_with_the_rows_it_had(tmp_path):
    TrainLog(tmp_path).add({"epoch": 9})
    log = TrainLog(tmp_path, [{"epoch": 1}])
    assert rows_of(log) == [{"epoch": 1}]
    log.add({"epoch": 2})
    assert rows_of(log) == [{"epoch": 1}, {"epoch": 2}]
    TrainLog(tmp_path)
    assert not log.path.exists()


def test_each_row_is_one_line_of_the_log(tmp_path, caplog):
    with caplog.at_level("INFO", logger="biosyn"):
        TrainLog(tmp_path).add({"epoch": 1, "loss": 0.123456, "dev": {"hybrid": {"acc1": 0.5}}})
    assert [record.getMessage() for record in caplog.records] == ["epoch=1 loss=0.1235 dev=hybrid:acc1:0.5000"]


def test_the_best_epoch_is_above_every_earlier_one(tmp_path):
    log = TrainLog(tmp_path)
    best = []
    for epoch, acc1 in enumerate([0.9, 0.5, 0.7, 0.7, 0.6, 0.8]):  # epoch 0 is before training and does not count
        log.add(row(epoch, acc1))
        best.append(log.is_best())
    assert best == [False, True, True, False, False, True]


def test_the_first_epoch_is_the_best_so_far_even_without_a_hit(tmp_path):
    log = TrainLog(tmp_path)
    log.add(row(1, 0.0))
    assert log.is_best()
