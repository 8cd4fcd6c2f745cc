"""A real JupyterLab on a folder, and what a person does in it: open a notebook, run it all, move a slider."""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from playwright.sync_api import Page, expect, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"]
ENOUGH = 600  # seconds after which a test gives up waiting: no machine is that slow
IDLE = "() => /\\| Idle/.test(document.querySelector('#jp-main-statusbar')?.innerText || '')"
PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt:not(.jp-Placeholder-prompt)')]"


@contextlib.contextmanager
def jupyterlab(folder: pathlib.Path, temp: pathlib.Path) -> Iterator[str]:
    """Starts JupyterLab on `folder` with the repository's settings and fresh everything else; yields its address."""
    settings = {"docmanager-extension/plugin": '{"autosave": false}',
                "notebook-extension/tracker": '{"windowingMode": "none"}'}  # cells out of sight stay in the page
    for name, text in settings.items():
        path = temp / f"settings/@jupyterlab/{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    env = {**os.environ, "JUPYTER_CONFIG_DIR": f"{temp}/config", "JUPYTER_DATA_DIR": f"{temp}/data",
           "JUPYTERLAB_SETTINGS_DIR": f"{temp}/settings", "JUPYTERLAB_WORKSPACES_DIR": f"{temp}/workspaces",
           "JUPYTER_RUNTIME_DIR": f"{temp}/runtime",
           "JUPYTER_CONFIG_PATH": str(ROOT / ".jupyter"), "JUPYTER_PREFER_ENV_PATH": "1",
           "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))}
    env.pop("MPLBACKEND", None)  # the kernel chooses, as it does for a learner
    command = [sys.executable, "-m", "jupyter", "lab", "--allow-root", "--no-browser", "--port=0",
               "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", "--ServerApp.password=",
               f"--ServerApp.root_dir={folder}", "--ServerApp.default_url=/lab"]
    with open(temp / "lab.log", "w") as log, subprocess.Popen(command, env=env, stdout=log, stderr=log) as lab:
        try:
            wait_until(lambda: lab.poll() is not None or server(temp / "runtime"), "JupyterLab's start")
            assert lab.poll() is None, (temp / "lab.log").read_text()[-800:]
            yield server(temp / "runtime")
        finally:
            lab.terminate()
            try:
                lab.wait(30)
            except subprocess.TimeoutExpired:
                lab.kill()


def server(runtime: pathlib.Path) -> str | None:
    """The address of the server that writes to this folder, once it listens: at a port that the system gave it."""
    for file in runtime.glob("jpserver-*.json"):
        with contextlib.suppress(ValueError):  # being written
            return f"http://127.0.0.1:{json.loads(file.read_text())['port']}"
    return None


def wait_until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + ENOUGH
    while not true():
        assert time.monotonic() < end, f"{what} did not come in {ENOUGH} seconds"
        time.sleep(0.1)


@contextlib.contextmanager
def browser_page(chromium: str, said: list[str]) -> Iterator[Page]:
    """A page of 1280 x 1000; what goes wrong in it, and every request that leaves this machine, is added to `said`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM, timeout=1000 * ENOUGH)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(1000 * ENOUGH)
        expect.set_options(timeout=1000 * ENOUGH)
        page.on("pageerror", lambda error: said.append(f"page error: {error}"))
        page.on("request", lambda r: said.append(f"left this machine: {r.url}") if outside(r.url) else None)
        yield page
        browser.close()


def outside(url: str) -> bool:
    return url.startswith(("http", "ws")) and not url.split("//", 1)[1].startswith("127.0.0.1:")


def open_notebook(page: Page, address: str, name: str) -> None:
    """Opens `name` in a fresh workspace and waits until its cells are there."""
    page.goto(f"{address}/lab/tree/{name}?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell")


def run_all(page: Page) -> None:
    """Runs every cell from the menu, as a person does, and waits until each has its number."""
    page.wait_for_function(IDLE)
    page.evaluate(f"{PROMPTS}.forEach(prompt => prompt.textContent = 'to run')")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
    page.wait_for_function(f"{PROMPTS}.every(prompt => /^\\[[\\d ]+\\]:/.test(prompt.textContent))")
    page.wait_for_function(IDLE)


def errors(page: Page) -> list[str]:
    """The text of every error and of everything red in the notebook."""
    return page.evaluate("""() => [...document.querySelectorAll(
        '[data-mime-type="application/vnd.jupyter.error"], [data-mime-type="application/vnd.jupyter.stderr"]')]
        .map(e => e.innerText.slice(0, 300))""")
