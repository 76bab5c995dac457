"""Every configuration composes, and what it describes can be made."""

from __future__ import annotations

import importlib.util
import re
from itertools import product
from pathlib import Path
from types import ModuleType

import lightning as L
import pytest
from hydra.errors import HydraException
from hydra.utils import instantiate
from hydra_configs import CONF, ROOT, choices, composed, with_hydra
from omegaconf import DictConfig, OmegaConf

from amt.baselines.slice_classifier import SliceFit
from amt.baselines.svm import SvmFit
from amt.data.datamodule import PianoDataModule
from amt.decoding.peaks import Decoder
from amt.models.build import build_model
from amt.training.module import TranscriptionModule

GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir())
NESTED = ("model/trunk", "model/temporal")
OPTIONS = [(group, choice) for group in [*GROUPS, *NESTED] for choice in choices(group)]
PLACES = {
    "maps": ["data.root=/recordings"],
    "maestro": ["data.root=/recordings"],
    "folder": ["data.root=/recordings"],
    "mixture": ["data.paths.maps=/a", "data.paths.maestro=/b", "data.paths.pianos=[/c,/d]"],
    "open": ["data.paths.pianos=[/c,/d]"],
    "left_out": ["data.paths.maestro=/b", "data.paths.pianos=[/c]"],
    "thresholds": ["data.paths.maps=/a", "data.paths.maestro=/b", "data.paths.pianos=[/c,/d]"],
}
SOURCES = {
    "mixture": ["maps", "maestro", "synthetic"],
    "open": ["builtin", "sampled"],
    "thresholds": ["maps", "maestro"],
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


def with_root(group: str, choice: str) -> list[str]:
    """A choice, and the place of the recordings where it needs one."""
    text = (CONF / group / f"{choice}.yaml").read_text("utf-8")
    chosen = [choice] if group == "data" else re.findall(r"override /data: (\w+)", text)
    return [f"{group}={choice}", *[place for name in chosen for place in PLACES.get(name, [])]]


def plain(config: DictConfig) -> dict:
    """Plain types; raises where a value that must be given is missing."""
    return OmegaConf.to_container(config, throw_on_missing=True)


def read(name: str) -> dict:
    """A configuration file by itself."""
    return plain(OmegaConf.load(CONF / f"{name}.yaml"))


@pytest.mark.parametrize(("group", "choice"), OPTIONS)
def test_every_option_gives_a_complete_configuration(group: str, choice: str) -> None:
    config = plain(composed(with_root(group, choice)))
    assert config["name"] and config["output_dir"] == "runs/test"
    Decoder(**config["decoder"])
    assert config["module"]["loss"]["weights"]


@pytest.mark.parametrize("choice", [c for c in choices("experiment") if c != "none"])
def test_every_experiment_makes_a_model_and_has_a_name(choice: str, train: ModuleType) -> None:
    config = composed(with_root("experiment", choice))
    assert config.name in {choice, *choices("model")}
    module = TranscriptionModule(**train._hyperparameters(config))
    assert sum(p.numel() for p in module.parameters()) > 10_000


@pytest.mark.parametrize("choice", choices("data"))
def test_every_data_set_makes_a_data_module(choice: str) -> None:
    config = composed(with_root("data", choice))
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
    assert trainer.world_size == {"default": 1, "ddp": 2}[choice]
    assert trainer.gradient_clip_val == 1.0
    assert Path(trainer.checkpoint_callback.dirpath) == tmp_path / "checkpoints"


def test_debug_runs_are_short() -> None:
    fast, usual = composed(["debug=fast"]), composed()
    assert fast.trainer.max_epochs <= 2 < usual.trainer.max_epochs
    overfit = composed(["debug=overfit"])
    assert overfit.augment is None
    assert overfit.data.repeat and not usual.data.repeat


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
    overrides = with_root("data", choice) if choice else []
    config = plain(composed(["ckpt=best.ckpt", *overrides], "evaluate"))
    assert config["split"] == "test"
    assert ("data" in config) == (choice is not None)


@pytest.mark.parametrize(
    ("typo", "hint"),
    [
        ("model=lstmm", "Available options in 'model'"),
        ("experiment=mel", "mel_transformer"),
        ("modle=lstm", r"Could not override 'modle'"),
        ("module.learnig_rate=1", r"Could not override 'module.learnig_rate'"),
        ("trainer.max_step=1", r"Could not override 'trainer.max_step'"),
        ("model.trunk.channel=1", r"Could not override 'model.trunk.channel'"),
        ("data.sources.synthetic.sede=1", r"Could not override"),
        ("model=lstm,cnn", "--multirun"),
    ],
)
def test_a_typo_gets_a_hint(typo: str, hint: str) -> None:
    with pytest.raises(HydraException, match=hint):
        composed([typo])


@pytest.mark.parametrize(("choice", "place"), [(c, p) for c in PLACES for p in PLACES[c]])
def test_a_data_set_without_its_place_is_an_error_that_names_it(choice: str, place: str) -> None:
    others = [other for other in PLACES[choice] if other != place]
    name = re.escape(place.partition("=")[0])
    with pytest.raises(Exception, match=name):
        plain(composed([f"data={choice}", *others]))


def test_the_mixture_plays_on_the_given_pianos_and_validates_on_real_recordings() -> None:
    config = composed([*with_root("data", "mixture"), "data.paths.rooms=/e"])
    data = instantiate(config.data, _convert_="all")
    maestro, maps = data.sources["maestro"], data.sources["maps"]
    assert list(maestro.render) == ["/c", "/d"] and maestro.rooms == "/e"
    assert list(maestro.splits) == ["train"] and maps.split == "folder"
    assert data.sources["synthetic"].validation == 0
    assert data.weights == [8.0, 1.0, 1.0]


def test_thresholds_are_chosen_on_other_performances_than_those_left_out() -> None:
    tuned, left_out = (
        instantiate(composed(with_root("data", choice)).data.sources, _convert_="all")[source]
        for choice, source in (("thresholds", "maestro"), ("left_out", "left_out"))
    )
    assert tuned.splits == left_out.splits == ["validation"] and tuned.seed == left_out.seed
    assert tuned.skip == 10 and left_out.skip == 0


def test_what_is_open_reads_no_recordings() -> None:
    data = instantiate(composed(with_root("data", "open")).data, _convert_="all")
    assert {type(source).__name__ for source in data.sources.values()} == {"Synthetic"}
    assert all(source.validation > 0 for source in data.sources.values())
    assert len({source.seed for source in data.sources.values()}) == 2


def test_a_checkpoint_can_name_every_source() -> None:
    evaluate = script("evaluate")
    for choice in choices("data"):
        config = OmegaConf.to_container(composed(with_root("data", choice)).data)
        config["augmentation"] = None
        assert set(evaluate._targets(config)) <= evaluate.DATA_TARGETS
