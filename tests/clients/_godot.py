"""Runs a script in Godot's web build: `_godot.py BUILD SCRIPT URL…`; BUILD is a folder with index.js and index.wasm.

Godot 4 is in no package registry as a program; as a web page it needs only a browser. What it prints goes to stdout.
The page is served at the port NPC_TEST_PAGE, which the runtime must know as an allowed origin.
"""

import hashlib
import http.server
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

GDSCRIPT = Path(__file__).parents[2] / "assets" / "clients" / "gdscript"
PROJECT = """config_version=5
[application]
config/name="example"
run/main_loop_type="Example"
run/main_scene="res://main.tscn"
"""
SCENE = '[gd_scene format=3]\n\n[node name="Main" type="Node"]\n'
CLASSES = """list=[{
"base": &"SceneTree", "class": &"Example", "icon": "", "is_abstract": false, "is_tool": false, "language": &"GDScript",
"path": "res://example.gd"
}, {
"base": &"Node", "class": &"NpcClient", "icon": "", "is_abstract": false, "is_tool": false, "language": &"GDScript",
"path": "res://npc_client.gd"
}]
"""
PAGE = """<!doctype html><meta charset="utf-8"><canvas id="canvas"></canvas><script src="index.js"></script><script>
let lines = [], over = false;
async function flush() {
  const ends = over, body = lines.join("\\n");
  lines = [];
  if (body) await fetch("/printed", {method: "POST", body});
  if (ends) await fetch("/over", {method: "POST"}); else setTimeout(flush, 20);
}
flush();
new Engine({
  args: ARGS, executable: "index", mainPack: "index.pck", canvasResizePolicy: 0,
  onPrint: (...words) => { if (!/^(Godot Engine|Build conf)/.test(words[0])) lines.push(words.join(" ")); },
  onPrintError: (...words) => { if (/^SCRIPT ERROR/.test(words[0])) lines.push(words.join(" ")); },
  onExit: () => { over = true; },
}).startGame().catch((error) => { lines.push(String(error)); over = true; });
</script>"""
CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
]
_PATIENCE = 75.0
"""Seconds in which the page must have ended: less than who runs this waits, so that it can say so."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """A Godot PCK, format 2: magic, versions, flags, start of the data, an index of paths, the data."""
    index, body = b"", b""
    for name, data in files.items():
        path = f"res://{name}".encode()
        path += b"\0" * (-len(path) % 4)
        place = struct.pack("<QQ", len(body), len(data)) + hashlib.md5(data).digest() + struct.pack("<I", 0)
        index += struct.pack("<I", len(path)) + path + place
        body += data + b"\0" * (-len(data) % 16)
    start = 24 + 8 + 64 + 4 + len(index)
    start += -start % 16
    head = struct.pack("<4s5IQ64xI", b"GDPC", 2, 4, 0, 0, 0, start, len(files))
    return (head + index).ljust(start, b"\0") + body


def main(build: Path, script: Path, *given: str) -> None:
    """Serve the page, open it in a browser, and print what it prints until it ends.

    What is `given` to the script has five letters at least: with less the web build fails at some moment.
    """
    example = script.read_bytes()
    files = {
        "/index.js": (build / "index.js").read_bytes(),
        "/index.wasm": (build / "index.wasm").read_bytes(),
        "/index.html": PAGE.replace("ARGS", json.dumps(["--headless", "--", *given])).encode(),
        "/index.pck": pack(
            {
                "project.godot": PROJECT.encode(),
                "main.tscn": SCENE.encode(),
                ".godot/global_script_class_cache.cfg": CLASSES.encode(),
                "example.gd": example.replace(b"extends SceneTree", b"class_name Example\nextends SceneTree"),
                "npc_client.gd": (GDSCRIPT / "npc_client.gd").read_bytes(),
            }
        ),
    }
    over = threading.Event()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files.get(self.path, b"")
            kind = {"html": "text/html", "js": "text/javascript", "wasm": "application/wasm"}
            self.send_response(200 if data else 404)
            self.send_header("Content-Type", kind.get(self.path.rpartition(".")[2], "application/octet-stream"))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/over":
                over.set()
            else:
                sys.stdout.buffer.write(said + b"\n")
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["NPC_TEST_PAGE"])), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        address = f"http://127.0.0.1:{server.server_port}/index.html"
        command = [shutil.which("chromium") or "chromium", *CHROMIUM, f"--user-data-dir={profile}", address]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ended = over.wait(_PATIENCE)
        browser.terminate()
        try:
            browser.wait(5)
        except subprocess.TimeoutExpired:
            browser.kill()
            browser.wait()
    sys.stdout.flush()
    if not ended:
        sys.exit("the page never ended")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
