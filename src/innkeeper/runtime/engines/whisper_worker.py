"""The program of a child that hears: whisper.cpp out of the `pywhispercpp` wheel, told what to do over a socket.

Sound is decoded as it is heard, one window of at most half a minute at a time; the words of a window are said, and
the next one begins when our parent says so. The socket is also a leash: when its other end closes, the worker leaves.
"""

from __future__ import annotations

import importlib.metadata
import os
import select
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from innkeeper.runtime.engines.hearing import GO_ON, Ear, Job, message
from innkeeper.runtime.engines.tether import tether
from innkeeper.runtime.errors import InnkeeperError, NotSupported

NO_LANGUAGE: Final = "auto"

PROMPT_LETTERS: Final = 2_000
"""The last letters of a prompt that are read. Whisper takes in its last 224 tokens; long ones overflow the library's
stack, which takes words apart with a regular expression."""

ERROR_LEVEL: Final = 4
"""ggml's number for an error in its log."""


def main(parent_pid: int, leash_fd: int) -> None:
    """Hear one sound file after the other until the leash is let go."""
    tether(parent_pid)
    leash = Leash(socket.socket(fileno=leash_fd))
    import _pywhispercpp
    import numpy  # noqa: F401, ICN001  # the slow part is over before a model is wanted

    leash.tell(message("spare", build=importlib.metadata.version("pywhispercpp")))
    line = leash.line()
    if line is None:
        return
    ear = Ear.from_json(line)
    try:
        listener = Listener(ear, _pywhispercpp, leash)
    except (RuntimeError, OSError) as error:
        print(f"whisper_worker: {error}", file=sys.stderr, flush=True)  # noqa: T201  # our parent reads it
        leash.tell(message("failed", why=str(error)))
        os._exit(1)
    leash.tell(message("ready"))
    while (line := leash.line()) is not None:
        if line.startswith(b"{"):  # a word about a job that is over needs no answer
            listener.hear(Job.from_json(line))
    os._exit(0)  # no teardown: the kernel takes the memory back faster and more surely


class NotWanted(Exception):
    """We were told to stop, or nobody listens any more."""


class Leash:
    """Our end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""

    def tell(self, line: bytes) -> None:
        """Say it. When nobody listens any more the next `line` tells so."""
        try:
            self._connection.sendall(line)
        except OSError:
            return

    def line(self) -> bytes | None:
        """The next line, or None when the other end is gone."""
        while b"\n" not in self._rest:
            part = self._connection.recv(1 << 16)
            if not part:
                return None
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line + b"\n"

    def wait_to_go_on(self) -> None:
        """Return when we are told to go on.

        Raises:
            NotWanted: We are told otherwise, or the other end is gone.
        """
        if self.line() != GO_ON:
            raise NotWanted

    def has_word(self) -> bool:
        """Whether something was said, or the other end is gone: while we compute, both mean that we should stop."""
        return bool(self._rest or select.select([self._connection], [], [], 0)[0])


class Listener:
    """One model in memory."""

    def __init__(self, ear: Ear, library: Any, leash: Leash) -> None:  # Any: the wheel has no types
        """
        Raises:
            RuntimeError: The model cannot be loaded.
        """
        self._library = library
        self._leash = leash
        self._name = ear.name
        self._threads = ear.threads
        given = library.whisper_context_default_params()
        given.use_gpu = False
        given.flash_attn = True
        self._model = _loaded(library, ear.file, given)
        self._voice = _voice(ear)

    def hear(self, job: Job) -> None:
        """Hear a file and say window by window what is said in it."""
        from innkeeper.runtime.speech.decoders import SAMPLES_PER_S, samples_of
        from innkeeper.runtime.speech.windows import Heard, windows

        heard = Heard()
        skip_samples = round(job.from_s * SAMPLES_PER_S)
        try:
            language = self._language(job)
            blocks = self._while_wanted(samples_of(Path(job.file)))
            for window in windows(blocks, self._voice, heard, skip_samples=skip_samples):
                spoken, language = self._words(job, language, window)
                self._leash.tell(
                    message(
                        "window",
                        job=job.number,
                        start_s=window.start_s,
                        end_s=window.end_s,
                        resume_s=window.next_sample / SAMPLES_PER_S,
                        language=language,
                        segments=spoken,
                    )
                )
                self._leash.wait_to_go_on()
        except NotWanted:
            self._leash.tell(message("stopped", job=job.number))
            return
        except InnkeeperError as error:
            self._leash.tell(message("refused", job=job.number, why=error.message, param=error.param))
            return
        except RuntimeError as error:  # the library's own way to say that it cannot
            self._leash.tell(message("broke", job=job.number, why=str(error)))
            return
        self._leash.tell(message("heard", job=job.number, audio_s=heard.seconds, language=language))

    def _while_wanted(self, blocks: Iterator[Any]) -> Iterator[Any]:  # Any: samples
        """The same blocks. Hours of silence make no window, and would else be decoded to their end for nobody.

        Raises:
            NotWanted: We were told to stop.
        """
        for block in blocks:
            if self._leash.has_word():
                raise NotWanted
            yield block

    def _language(self, job: Job) -> str:
        """
        Raises:
            NotSupported: The model does not know the language that was asked for.
        """
        if job.language is not None and self._library.whisper_lang_id(job.language) < 0:
            raise NotSupported(f"Whisper knows no language {job.language!r}.", param="language")
        if self._library.whisper_is_multilingual(self._model):
            return job.language or NO_LANGUAGE
        if job.language not in (None, "en"):
            raise NotSupported(
                f"{self._name} hears English only, not {job.language!r}. Use a model whose name has no `.en`.",
                param="language",
            )
        return "en"

    def _words(self, job: Job, language: str, window: Any) -> tuple[list[dict[str, Any]], str]:
        """The segments of a window and its language.

        Raises:
            NotWanted: We were told to stop.
        """
        library, model = self._library, self._model
        asked = self._parameters(job, language)
        library.assign_abort_callback(asked, self._leash.has_word)
        failed = library.whisper_full(model, asked, window.samples, window.samples.size)
        if failed and self._leash.has_word():
            raise NotWanted
        if failed:
            raise RuntimeError(f"whisper.cpp gave up on the window at {window.start_s:.1f} s with code {failed}")
        if language == NO_LANGUAGE:
            language = library.whisper_lang_str(library.whisper_full_lang_id(model))
        return list(self._segments(job, window)), language

    def _parameters(self, job: Job, language: str) -> Any:
        library = self._library
        asked = library.whisper_full_default_params(library.whisper_sampling_strategy.WHISPER_SAMPLING_GREEDY)
        asked.n_threads = self._threads
        asked.language = language
        asked.translate = job.translates
        asked.no_context = True  # what was misheard in one window is not believed in the next
        asked.initial_prompt = job.prompt[-PROMPT_LETTERS:]
        asked.temperature = job.temperature
        asked.greedy = {"best_of": 1}  # each further try of five would hold 8 MB more with the base model
        asked.suppress_nst = True  # no notes of music and applause
        asked.token_timestamps = job.times_words
        asked.print_progress = asked.print_realtime = asked.print_timestamps = False
        return asked

    def _segments(self, job: Job, window: Any) -> Iterator[dict[str, Any]]:
        library, model = self._library, self._model
        for index in range(library.whisper_full_n_segments(model)):
            tokens = [
                library.whisper_full_get_token_data(model, index, place)
                for place in range(library.whisper_full_n_tokens(model, index))
            ]
            end_of_text = library.whisper_token_eot(model)
            said = [token.plog for token in tokens if token.id < end_of_text]
            yield {
                "text": library.whisper_full_get_segment_text(model, index).decode("utf-8", "replace"),
                "start_s": _within(window, library.whisper_full_get_segment_t0(model, index)),
                "end_s": _within(window, library.whisper_full_get_segment_t1(model, index)),
                "log_probability": sum(said) / len(said) if said else 0.0,
                "words": self._timed_words(index, tokens, end_of_text, window) if job.times_words else [],
            }

    def _timed_words(self, index: int, tokens: list[Any], end_of_text: int, window: Any) -> list[dict[str, Any]]:
        """Tokens joined to words: one that begins with a blank begins a word."""
        words: list[dict[str, Any]] = []
        for place, token in enumerate(tokens):
            if token.id >= end_of_text:
                continue
            text = self._token_bytes(index, place)
            end_s = _within(window, token.t1)
            if words and not text.startswith(b" "):
                words[-1]["text"] += text
                words[-1]["end_s"] = max(words[-1]["end_s"], end_s)
                words[-1]["probability"] = min(words[-1]["probability"], token.p)
            else:
                start_s = _within(window, token.t0)
                words.append({"text": text, "start_s": start_s, "end_s": end_s, "probability": token.p})
        return [word | {"text": word["text"].decode("utf-8", "replace")} for word in words]

    def _token_bytes(self, index: int, place: int) -> bytes:
        """A token's text. In most languages but English it may be a part of a letter, which is no text by itself."""
        try:
            text: str = self._library.whisper_full_get_token_text(self._model, index, place)
        except UnicodeDecodeError as error:
            return error.object
        return text.encode()


def _within(window: Any, hundredths: int) -> float:
    """A time of the recogniser as seconds of the whole. It may place words beyond the sound it was given."""
    return float(min(max(window.start_s + hundredths / 100, window.start_s), window.end_s))


def _voice(ear: Ear) -> Any:
    """The judge of where somebody speaks."""
    if ear.voice_file is not None:
        from innkeeper.runtime.engines.whisper_voice import SileroVoice

        return SileroVoice(ear.voice_file)
    from innkeeper.runtime.speech.voice import loud

    return loud


def _loaded(library: Any, file: str, parameters: Any) -> Any:
    """The model. The library gives back something even where it failed; only its log tells.

    Raises:
        RuntimeError: The model cannot be loaded.
    """
    errors: list[str] = []

    def note(level: int, text: str) -> None:
        sys.stderr.write(text)
        if level == ERROR_LEVEL:
            errors.append(text.strip())

    library.whisper_log_set(note)
    try:
        model = library.whisper_init_from_file_with_params(file, parameters)
    finally:
        library.whisper_log_set(None)
    sys.stderr.flush()
    if errors:
        raise RuntimeError(errors[0])
    return model


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
