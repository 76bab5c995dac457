"""Every configuration composes, and what it describes can be instantiated."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from itertools import product
from pathlib import Path
from types import ModuleType

import lightning as L
import pytest
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.utils import instantiate
from hydra_configs import CONF, ROOT, choices, composed, with_hydra, without_hydra
from lightning.pytorch.accelerators import CPUAccelerator
from omegaconf import DictConfig, OmegaConf

from amt import device
from amt.baselines.slice_classifier import SliceFit
from amt.baselines.svm import SvmFit
from amt.data.datamodule import PianoDataModule
from amt.data.locations import FOLDERS, require_folders
from amt.data.pieces import SourceError
from amt.decoding.peaks import Decoder
from amt.errors import DeviceWarning
from amt.models.build import build_model
from amt.training.losses import Loss
from amt.training.module import parameter_groups

GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name != "local")
NESTED = ("model/trunk", "model/temporal")
OPTIONS = [(group, choice) for group in [*GROUPS, *NESTED] for choice in choices(group)]
SOURCES = {
    "mixture": ["maps", "maestro", "synthetic"],
    "open": ["builtin", "sampled"],
    "thresholds": ["maps", "maestro"],
    "corrections": ["corrections", "maps", "maestro", "synthetic"],
    "corrections_synthetic": ["corrections", "synthetic"],
}
MODELS = list(product(choices("features"), choices("model/trunk"), choices("model/temporal")))
LOGARITHMIC = {"logfreq", "cqt"}


def script(name: str) -> ModuleType:
    """train.py or evaluate.py as a module."""
    spec = importlib.util.spec_from_file_location(f"{name}_script", ROOT / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def train() -> ModuleType:
    """train.py as a module."""
    return script("train")


@pytest.fixture(autouse=True)
def no_folders_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AMT_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def process_of_torchrun(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For trainer=cluster, which takes the processes that there are: a single one."""
    given = getattr(request.node, "callspec", None)
    if given and "cluster" in given.params.values():
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "night")
        for rank in ("RANK", "LOCAL_RANK"):
            monkeypatch.setenv(rank, "0")
        for size in ("WORLD_SIZE", "GROUP_WORLD_SIZE", "LOCAL_WORLD_SIZE"):
            monkeypatch.setenv(size, "1")


def folders(group: str, choice: str) -> list[str]:
    """Overrides for all folders that an option and the data that it chooses need."""
    text = (CONF / group / f"{choice}.yaml").read_text("utf-8")
    for data in re.findall(r"override /data: (\w+)", text):
        text += (CONF / "data" / f"{data}.yaml").read_text("utf-8")
    named = sorted(set(re.findall(r"\$\{paths\.(\w+)\}", text)) & set(FOLDERS))
    return [f"paths.{name}=/{name}" for name in named]


def with_folders(group: str, choice: str) -> list[str]:
    """An option, and the folders that it needs."""
    return [f"{group}={choice}", *folders(group, choice)]


NEEDED = [
    (group, choice, folder)
    for group in ("data", "experiment")
    for choice in choices(group)
    for folder in folders(group, choice)
]


def plain(config: DictConfig) -> dict:
    """Plain types without `paths`; raises where another value that must be given is missing."""
    used = OmegaConf.masked_copy(config, [key for key in config if key != "paths"])
    return OmegaConf.to_container(used, throw_on_missing=True)


def read(name: str) -> dict:
    """A configuration file by itself."""
    return plain(OmegaConf.load(CONF / f"{name}.yaml"))


@pytest.mark.parametrize(("group", "choice"), OPTIONS)
def test_every_option_gives_a_complete_configuration(group: str, choice: str) -> None:
    config = plain(composed(with_folders(group, choice)))
    assert config["name"] and config["output_dir"] == "runs/test"
    Decoder(**config["decoder"])
    Loss(**config["loss"])


@pytest.mark.parametrize("choice", [c for c in choices("experiment") if c != "none"])
def test_every_experiment_makes_a_model_and_has_a_name(choice: str, train: ModuleType) -> None:
    config = composed(with_folders("experiment", choice))
    assert config.name in {choice, *choices("model")}
    module = train.build_module(config)
    assert sum(p.numel() for p in module.parameters()) > 10_000
    optimizer = module.make_optimizer(parameter_groups(module.network))
    rate = optimizer.param_groups[0]["lr"]
    assert rate == config.optimizer.lr
    module.make_schedule(optimizer, total_steps=10)


@pytest.mark.parametrize("choice", choices("data"))
def test_every_data_set_makes_a_data_module(choice: str) -> None:
    config = composed(with_folders("data", choice))
    data = instantiate(config.data, _convert_="all")
    assert isinstance(data, PianoDataModule)
    assert list(data.sources) == SOURCES.get(choice, [choice])
    assert data.augmentation is not None
    assert data.augmentation.key_shift == config.augment.key_shift > 0


def test_without_augmentation_nothing_is_augmented() -> None:
    config = composed(["augment=none"])
    assert instantiate(config.data, _convert_="all").augmentation is None


@pytest.mark.parametrize("choice", choices("trainer"))
def test_every_trainer_can_be_made(choice: str, train: ModuleType, tmp_path: Path) -> None:
    overrides = [f"trainer={choice}", "trainer.accelerator=cpu", "logger=csv"]
    config = composed([*overrides, f"output_dir={tmp_path}"])
    trainer = train.build_trainer(config)
    assert isinstance(trainer, L.Trainer)
    assert trainer.world_size == (2 if choice == "ddp" else 1)
    assert trainer.gradient_clip_val == 1.0
    assert Path(trainer.checkpoint_callback.dirpath) == tmp_path / "checkpoints"


def test_a_gpu_that_does_not_work_is_not_trained_on(
    train: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(device, "_tried", fail)
    with pytest.warns(DeviceWarning, match="no GPU is used, but the cpu"):
        trainer = train.build_trainer(composed(["logger=csv", f"output_dir={tmp_path}"]))
    assert isinstance(trainer.accelerator, CPUAccelerator)


def test_callbacks_and_loggers_are_chosen_one_by_one(train: ModuleType, tmp_path: Path) -> None:
    words = ["trainer=cpu", f"output_dir={tmp_path}"]
    rich = composed([*words, "logger=csv", "callbacks=[default,early_stopping,rich_progress_bar]"])
    names = {type(callback).__name__ for callback in train.build_trainer(rich).callbacks}
    assert {"EarlyStopping", "RichProgressBar", "EMAWeightAveraging"} <= names
    assert "TQDMProgressBar" not in names
    for overrides in (["logger=none"], ["~logger"], ["~logger", "~callbacks.plots"]):
        trainer = train.build_trainer(composed([*words, *overrides]))
        assert trainer.loggers == []
        names = {type(callback).__name__ for callback in trainer.callbacks}
        assert "LearningRateMonitor" not in names and "EMAWeightAveraging" in names


@pytest.mark.parametrize(
    ("choice", "kinds"),
    [("none", []), ("csv", ["CSVLogger"]), ("tensorboard", ["CSVLogger", "TensorBoardLogger"])],
)
def test_every_logger_can_be_made(
    choice: str, kinds: list[str], train: ModuleType, tmp_path: Path
) -> None:
    config = composed([f"logger={choice}", f"output_dir={tmp_path}"])
    assert [type(logger).__name__ for logger in train._loggers(config)] == kinds


def test_tags_reach_wandb(
    train: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    config = composed(["tags=[baseline,lstm]", f"output_dir={tmp_path}"])
    assert train._loggers(config)[1]._wandb_init["tags"] == ["baseline", "lstm"]


@pytest.mark.parametrize(
    ("word", "module", "package"),
    [
        ("sweep=optuna", "hydra_plugins.hydra_optuna_sweeper", "amt[sweep]"),
        ("hydra/launcher=joblib", "hydra_plugins.hydra_joblib_launcher", "amt[sweep]"),
        ("hydra/launcher=ray", "hydra_plugins.hydra_ray_launcher", "amt[ray]"),
        ("logger=tensorboard", "tensorboard", "tensorboard"),
    ],
)
def test_a_missing_package_is_one_line_that_says_how_to_install_it(
    word: str, module: str, package: str, train: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    train.require_packages(["model=lstm", word])
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit, match=re.escape(f"pip install '{package}'")) as end:
        train.require_packages(["model=lstm", word])
    assert "\n" not in str(end.value)


def test_debug_runs_are_short() -> None:
    fast, usual = composed(["debug=fast"]), composed()
    assert fast.trainer.max_epochs <= 2 < usual.trainer.max_epochs
    overfit = composed(["debug=overfit"])
    assert overfit.augment is None
    assert overfit.data.repeat and not usual.data.repeat
    assert composed(["debug=profile"]).trainer.profiler == "simple"


def test_sweep_searches_what_the_configuration_has() -> None:
    config = composed(["sweep=optuna"])
    for name in with_hydra(["sweep=optuna"]).hydra.sweeper.params:
        group, _, choice = name.rpartition("/")
        if group:
            assert choice in choices("model") or (CONF / name).is_dir(), name
        else:
            assert OmegaConf.select(config, name, throw_on_missing=True) is not None, name


@pytest.mark.parametrize(("features", "trunk", "temporal"), MODELS)
def test_every_combination_is_a_model_or_an_explanation(
    features: str, trunk: str, temporal: str
) -> None:
    description = {
        "features": read(f"features/{features}"),
        "trunk": read(f"model/trunk/{trunk}"),
        "temporal": read(f"model/temporal/{temporal}"),
    }
    if trunk == "harmonic" and features not in LOGARITHMIC:
        with pytest.raises(ValueError, match=r"features=logfreq or features=cqt, or model/trunk"):
            build_model(description)
        return
    front_end, network = build_model(description)
    assert front_end.frame_rate == 31.25
    assert network.trunk.groups == (88 if trunk == "harmonic" else 1)


@pytest.mark.parametrize(("choice", "kind"), [("svm", SvmFit), ("svm_slice", SliceFit)])
def test_what_is_fitted_can_be_made(choice: str, kind: type) -> None:
    config = composed([f"model={choice}", "seed=3"])
    fit = instantiate(config.model.fit, _convert_="all")
    assert isinstance(fit, kind) and fit.seed == 3


@pytest.mark.parametrize("choice", [None, *choices("data")])
def test_evaluation_composes_with_and_without_data(choice: str | None) -> None:
    overrides = with_folders("data", choice) if choice else []
    config = plain(composed(["ckpt=best.ckpt", *overrides], "evaluate"))
    assert config["split"] == "test"
    assert ("data" in config) == (choice is not None)


@pytest.mark.parametrize(
    ("typo", "hint"),
    [
        ("model=lstmm", "Available options in 'model'"),
        ("experiment=mel", "mel_transformer"),
        ("modle=lstm", r"Could not override 'modle'"),
        ("optimizer=sgd", "Available options in 'optimizer'"),
        ("schedule=step", "Available options in 'schedule'"),
        ("optimizer.learnig_rate=1", r"Could not override 'optimizer.learnig_rate'"),
        ("trainer.max_step=1", r"Could not override 'trainer.max_step'"),
        ("model.trunk.channel=1", r"Could not override 'model.trunk.channel'"),
        ("data.sources.synthetic.sede=1", r"Could not override"),
        ("model=lstm,cnn", "--multirun"),
    ],
)
def test_a_typo_gets_a_hint(typo: str, hint: str) -> None:
    with pytest.raises(HydraException, match=hint):
        composed([typo])


@pytest.mark.parametrize(("group", "choice", "folder"), NEEDED)
def test_a_missing_folder_is_named_with_what_to_type(group: str, choice: str, folder: str) -> None:
    others = [other for other in folders(group, choice) if other != folder]
    whole = with_hydra([f"{group}={choice}", *others])
    key = folder.partition("=")[0]
    with pytest.raises(SourceError, match=re.escape(key)) as error:
        require_folders(plain_with_references(whole), resolved(whole))
    assert f"type {key}=DIR" in str(error.value) and "\n" not in str(error.value)
    # With all of them set, the first that does not exist is named as it was set.
    complete = with_hydra([f"{group}={choice}", *others, folder])
    with pytest.raises(SourceError, match=r"^paths\.(\w+)=/\1: there is no such folder"):
        require_folders(plain_with_references(complete), resolved(complete))


def test_a_folder_that_does_not_exist_is_named_as_it_was_typed(tmp_path: Path) -> None:
    def check(*words: str) -> None:
        whole = with_hydra(words)
        require_folders(plain_with_references(whole), resolved(whole))

    check("data=maps", f"paths.maps={tmp_path}")
    with pytest.raises(SourceError, match=r"^paths\.maps=/nowhere: .*expected the folder of MAPS"):
        check("data=maps", "paths.maps=/nowhere")
    with pytest.raises(SourceError, match=r"^data\.root=/nowhere: there is no such folder"):
        check("data=maps", f"paths.maps={tmp_path}", "data.root=/nowhere")
    with pytest.raises(SourceError, match=r"^paths\.maps .* is not set; type paths\.maps=DIR"):
        check("data=maps", "paths.maps=")
    with pytest.raises(SourceError, match=r"^paths\.pianos=/b: there is no such folder"):
        check("data=open", f"paths.pianos=[{tmp_path},/b]")
    with pytest.raises(SourceError, match=r"^augment\.noises=/nowhere: there is no such folder"):
        check("augment.noises=/nowhere")


def plain_with_references(whole: DictConfig) -> dict:
    return OmegaConf.to_container(without_hydra(whole))


def resolved(whole: DictConfig) -> dict:
    return OmegaConf.to_container(
        OmegaConf.masked_copy(whole, ["paths", "data", "augment", "seed"]), resolve=True
    )


def test_folders_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FOLDERS:
        monkeypatch.setenv(f"AMT_{name.upper()}", f"/{name}")
    monkeypatch.setenv("AMT_PIANOS", os.pathsep.join(["/one", "/two"]))
    monkeypatch.setenv("AMT_CACHE", "/cache")
    config = composed(["experiment=base"])
    data = instantiate(config.data, _convert_="all")
    assert data.sources["maps"].root == "/maps" and data.sources["maestro"].rooms == "/rooms"
    assert data.sources["maestro"].render == ["/one", "/two"]
    assert data.augmentation.impulse_responses == "/rooms" and data.augmentation.noises == "/noises"
    assert {root.parent for root in data.caches} == {Path("/cache")}
    assert composed(["experiment=base", "paths.maps=/mine"]).data.sources.maps.root == "/mine"


@pytest.mark.parametrize("script", ["config", "evaluate"])
def test_folders_come_from_a_local_file(script: str, tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    shutil.copytree(CONF, conf, ignore=shutil.ignore_patterns("local"))
    (conf / "local").mkdir()
    text = "# @package _global_\npaths: {maps: /data/MAPS}\n"
    (conf / "local" / "default.yaml").write_text(text)
    words = ["data=maps", *(["ckpt=x"] if script == "evaluate" else [])]
    assert composed(words, script, conf).data.sources.maps.root == "/data/MAPS"
    assert composed([*words, "data.root=/mine"], script, conf).data.sources.maps.root == "/mine"


@pytest.mark.parametrize(
    ("path", "words", "expected"),
    [
        ("runs/a/checkpoints/best.ckpt", [], "runs/a/evaluation/best"),
        ("runs/a/checkpoints/last.ckpt", [], "runs/a/evaluation/last"),
        ("weights/base.safetensors", ["ckpt=base"], "evaluation/base"),
    ],
)
def test_scores_of_each_checkpoint_have_their_own_folder(
    path: str, words: list[str], expected: str
) -> None:
    assert folder_of_scores(path, words) == Path(expected)


def folder_of_scores(path: str, words: list[str]) -> Path:
    config = with_hydra(["ckpt=x", *words], "evaluate")
    HydraConfig.instance().set_config(config)
    try:
        return script("evaluate")._folder(config, Path(path))
    finally:
        HydraConfig.instance().cfg = None


def test_scores_of_different_settings_are_in_different_folders() -> None:
    best = "runs/a/checkpoints/best.ckpt"
    synthetic = ["data=synthetic"]
    settings = [
        (best, []),
        (best, ["first_seconds=1"]),
        (best, ["first_seconds=2"]),
        (best, synthetic),
        (best, [*synthetic, "first_seconds=2"]),
        (best, [*synthetic, "data.sources.synthetic.seed=1"]),
        (best, ["data=folder", "paths.recordings=a"]),
        (best, ["data=folder", "paths.recordings=b"]),
        ("a/best.ckpt", []),
        ("b/best.ckpt", []),
    ]
    folders = [folder_of_scores(path, words) for path, words in settings]
    assert len(set(folders)) == len(folders)
    assert [folder.parent.name for folder in folders[3:4]] == ["best"]
    assert folder_of_scores(best, [*synthetic, "device=cpu", "split=train"]) == folders[3]


def test_choices_for_training_in_the_local_file_do_not_stop_an_evaluation(tmp_path: Path) -> None:
    groups = [*GROUPS, *NESTED]
    text = "# @package _global_\ndefaults:\n"
    text += "".join(f"  - override /{group}: {choices(group)[0]}\n" for group in groups)
    conf = tmp_path / "conf"
    shutil.copytree(CONF, conf, ignore=shutil.ignore_patterns("local"))
    (conf / "local").mkdir()
    (conf / "local" / "default.yaml").write_text(text)
    assert with_hydra(["ckpt=x"], "evaluate", conf).ckpt == "x"


def test_git_ignores_the_local_file() -> None:
    assert "/conf/local/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


def test_the_mixture_plays_on_the_given_pianos_and_validates_on_real_recordings() -> None:
    config = composed([*with_folders("data", "mixture"), "paths.pianos=[/c,/d]", "data.rooms=/e"])
    data = instantiate(config.data, _convert_="all")
    maestro, maps = data.sources["maestro"], data.sources["maps"]
    assert list(maestro.render) == ["/c", "/d"] and maestro.rooms == "/e"
    assert list(maestro.splits) == ["train"] and maps.split == "folder"
    assert data.sources["synthetic"].validation == 0
    assert data.weights == [8.0, 1.0, 1.0]


def test_thresholds_are_chosen_on_other_performances_than_those_left_out() -> None:
    tuned, left_out = (
        instantiate(composed(with_folders("data", choice)).data.sources, _convert_="all")[source]
        for choice, source in (("thresholds", "maestro"), ("left_out", "left_out"))
    )
    assert tuned.splits == left_out.splits == ["validation"] and tuned.seed == left_out.seed
    assert tuned.skip == 10 and left_out.skip == 0


def test_what_is_open_reads_no_recordings() -> None:
    data = instantiate(composed(with_folders("data", "open")).data, _convert_="all")
    assert {type(source).__name__ for source in data.sources.values()} == {"Synthetic"}
    assert all(source.validation > 0 for source in data.sources.values())
    assert len({source.seed for source in data.sources.values()}) == 2


def test_a_checkpoint_can_name_every_source() -> None:
    evaluate = script("evaluate")
    for choice in choices("data"):
        config = OmegaConf.to_container(composed(with_folders("data", choice)).data)
        config["augmentation"] = None
        targets = set(evaluate._targets(config)) - {evaluate.DATA_MODULE}
        assert targets and all(map(evaluate._is_source, targets))


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "amt.data.sources.maps.Path",
        "amt.data.sources.maestro.partial",
        "amt.data.sources.maps.re.compile",
        "amt.data.cache.prepare",
        "amt.data.sources.missing.Missing",
    ],
)
def test_a_checkpoint_cannot_name_anything_else(target: str) -> None:
    assert not script("evaluate")._is_source(target)
