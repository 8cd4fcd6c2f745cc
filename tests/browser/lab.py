"""A real JupyterLab on a folder, and what a person does in it: open a notebook, run it all, move a slider."""
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

from playwright.sync_api import Page, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"]
IDLE = "() => /\\| Idle/.test(document.querySelector('#jp-main-statusbar')?.innerText || '')"


@contextlib.contextmanager
def jupyterlab(folder: pathlib.Path, temp: pathlib.Path) -> Iterator[str]:
    """Starts JupyterLab on `folder` with the repository's settings and fresh everything else; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"docmanager-extension/plugin": '{"autosave": false}',
                "notebook-extension/tracker": '{"windowingMode": "none"}'}  # cells out of sight stay in the page
    for name, text in settings.items():
        path = temp / f"settings/@jupyterlab/{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    env = {**os.environ, "JUPYTER_CONFIG_DIR": f"{temp}/config", "JUPYTER_DATA_DIR": f"{temp}/data",
           "JUPYTERLAB_SETTINGS_DIR": f"{temp}/settings", "JUPYTERLAB_WORKSPACES_DIR": f"{temp}/workspaces",
           "JUPYTER_CONFIG_PATH": str(ROOT / ".jupyter"), "JUPYTER_PREFER_ENV_PATH": "1",
           "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))}
    env.pop("MPLBACKEND", None)  # the kernel chooses, as it does for a learner
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "jupyter", "lab", "--allow-root", "--no-browser", f"--port={port}",
               "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
               "--ServerApp.password=", f"--ServerApp.root_dir={folder}", "--ServerApp.default_url=/lab"]
    with open(temp / "lab.log", "w") as log, subprocess.Popen(command, env=env, stdout=log, stderr=log) as lab:
        try:
            wait_for_server(address, lab, temp / "lab.log")
            yield address
        finally:
            lab.terminate()
            try:
                lab.wait(30)
            except subprocess.TimeoutExpired:
                lab.kill()


def wait_for_server(address: str, lab: subprocess.Popen, log: pathlib.Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and lab.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api/status", timeout=2)
            return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-800:]}")


@contextlib.contextmanager
def browser_page(chromium: str, said: list[str]) -> Iterator[Page]:
    """A page of 1280 x 1000; what goes wrong in it, and every request that leaves this machine, is added to `said`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.on("pageerror", lambda error: said.append(f"page error: {error}"))
        page.on("request", lambda r: said.append(f"left this machine: {r.url}") if outside(r.url) else None)
        yield page
        browser.close()


def outside(url: str) -> bool:
    return url.startswith(("http", "ws")) and not url.split("//", 1)[1].startswith("127.0.0.1:")


def open_notebook(page: Page, address: str, name: str) -> None:
    """Opens `name` in a fresh workspace and waits until its cells are there."""
    page.goto(f"{address}/lab/tree/{name}?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)


def run_all(page: Page, timeout: float) -> None:
    """Runs every cell from the menu, as a person does, and waits until the kernel has been idle for two seconds."""
    page.wait_for_function(IDLE, timeout=90_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
    page.wait_for_timeout(1000)
    end, quiet = time.monotonic() + timeout, 0
    while quiet < 4:
        assert time.monotonic() < end, f"the cells were still running after {timeout:.0f} s"
        quiet = quiet + 1 if page.evaluate(IDLE) else 0
        page.wait_for_timeout(500)


def errors(page: Page) -> list[str]:
    """The text of every error and of everything red in the notebook."""
    return page.evaluate("""() => [...document.querySelectorAll(
        '[data-mime-type="application/vnd.jupyter.error"], [data-mime-type="application/vnd.jupyter.stderr"]')]
        .map(e => e.innerText.slice(0, 300))""")
