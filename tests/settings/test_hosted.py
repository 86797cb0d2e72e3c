"""Providers, prices and ceilings in the settings; and keys, which never stand there."""

from __future__ import annotations

from pathlib import Path

import pytest

from innkeeper.discovery.found import Found
from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.errors import BadSettings
from innkeeper.runtime.price import Price
from innkeeper.settings.catalog import catalog_of
from innkeeper.settings.load import Sources, load
from innkeeper.settings.values import Settings

SECRET = "sk-or-v1-0123456789abcdef"
PROVIDER = '[hosted.acme]\nurl = "https://api.acme.example/v1"\n'
MODEL = '[models.cloud]\nengine = "hosted"\nprovider = "acme"\n'


def loaded(folder: Path, text: str) -> Settings:
    (folder / "innkeeper.toml").write_text(text)
    return load(Sources(folder, {"HOME": str(folder)})).settings


def catalog(folder: Path, text: str) -> Catalog:
    return catalog_of(loaded(folder, text), Found())


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(BadSettings) as raised:
        catalog(folder, text)
    return raised.value.message


class TestAHostedModel:
    def test_knows_its_provider_its_name_there_and_where_its_prompts_go(self, tmp_path: Path) -> None:
        cloud = catalog(tmp_path, PROVIDER + MODEL + 'source = "vendor/large"\n').get("cloud")

        assert (cloud.provider, cloud.source, cloud.sent_to) == ("acme", "vendor/large", "api.acme.example")

    def test_has_its_own_price_or_its_providers(self, tmp_path: Path) -> None:
        priced = PROVIDER + "input_price = 1\noutput_price = 4\n" + MODEL

        assert catalog(tmp_path, priced).get("cloud").price == Price(1, 4)
        assert catalog(tmp_path, priced + "output_price = 2.5\n").get("cloud").price == Price(1, 2.5)
        assert catalog(tmp_path, PROVIDER + MODEL).get("cloud").price is None

    def test_that_hears_is_paid_by_the_minute(self, tmp_path: Path) -> None:
        priced = PROVIDER + "minute_price = 0.006\n" + MODEL

        assert catalog(tmp_path, priced).get("cloud").price == Price(minute=0.006)
        assert catalog(tmp_path, priced + "minute_price = 0\n").get("cloud").price == Price(minute=0.0)
        assert catalog(tmp_path, priced + "input_price = 1\noutput_price = 2\n").get("cloud").price == Price(
            1, 2, 0.006
        )
        assert "give both" in refusal(tmp_path, priced + "input_price = 1\n")

    def test_with_half_a_price_is_refused(self, tmp_path: Path) -> None:
        assert "give both" in refusal(tmp_path, PROVIDER + MODEL + "input_price = 1\n")

    def test_needs_a_provider_that_is_there(self, tmp_path: Path) -> None:
        assert "names the provider 'acme'; it must be one of the tables [hosted.<id>]" in refusal(tmp_path, MODEL)
        assert "names no `provider`" in refusal(tmp_path, PROVIDER + '[models.cloud]\nengine = "hosted"\n')
        assert "not 'hosted'" in refusal(tmp_path, PROVIDER + MODEL.replace('"hosted"', '"echo"'))


class TestNeverLeavingThisMachine:
    def test_bars_what_would_be_sent_elsewhere_and_nothing_else(self, tmp_path: Path) -> None:
        here = '[hosted.vllm]\nurl = "http://127.0.0.1:8000/v1"\n[models.near]\nengine = "hosted"\nprovider = "vllm"\n'
        models = catalog(tmp_path, "never_leave_this_machine = true\n" + PROVIDER + MODEL + here)

        assert {model.id: model.is_barred for model in models} == {"cloud": True, "near": False}

    def test_is_not_the_default(self, tmp_path: Path) -> None:
        assert not catalog(tmp_path, PROVIDER + MODEL).get("cloud").is_barred


class TestAKeyInTheFile:
    """A key is refused wherever it is written, with a sentence that does not repeat it."""

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            (f'key_from = "{SECRET}"', "must be the name of an environment variable"),
            ('key_from = "AKIA0123456789ABCDEF"', "must be the name of an environment variable"),
            (f'key = "{SECRET}"', "`hosted.acme.key` is not a setting. Did you mean `hosted.acme.key_from`?"),
            (f'headers = {{Authorization = "Bearer {SECRET}"}}', "A key is given by `key_from`"),
            (f'headers = {{X-Api-Key = "{SECRET}"}}', "A key is given by `key_from`"),
            (f'headers = {{X-Title = "{SECRET}\\n"}}', "must be a table of headers with plain text"),
        ],
    )
    def test_is_refused(self, tmp_path: Path, line: str, told: str) -> None:
        message = refusal(tmp_path, PROVIDER + line + "\n")

        assert told in message
        assert SECRET not in message
        assert "AKIA" not in message

    @pytest.mark.parametrize("url", [f"https://me:{SECRET}@acme.example/v1", f"https://acme.example/v1?key={SECRET}"])
    def test_is_refused_in_an_address(self, tmp_path: Path, url: str) -> None:
        message = refusal(tmp_path, f'[hosted.acme]\nurl = "{url}"\n')

        assert "a key is given by `key_from`" in message
        assert SECRET not in message


class TestAddresses:
    @pytest.mark.parametrize("url", ["acme.example/v1", "ftp://acme.example", "https://", "https://a:b", "http://a b/"])
    def test_must_be_whole(self, tmp_path: Path, url: str) -> None:
        assert 'must be an address such as "https://openrouter.ai/api/v1"' in refusal(
            tmp_path, f'[hosted.acme]\nurl = "{url}"\n'
        )


class TestMoney:
    @pytest.mark.parametrize("amount", ["-1", "inf", "nan", "true", '"much"', "2000000"])
    def test_must_be_an_amount(self, tmp_path: Path, amount: str) -> None:
        assert "must be an amount of money" in refusal(tmp_path, f"[spending]\nper_day = {amount}\n")

    def test_may_be_nothing_at_all(self, tmp_path: Path) -> None:
        assert loaded(tmp_path, "[spending]\nper_day = 0\n").spending.per_day == 0.0
