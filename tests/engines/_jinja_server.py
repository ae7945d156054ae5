"""llama.cpp's server as people start it by hand, with `--jinja`, which function calls need.

Run: python _jinja_server.py MODEL KEY. It prints its address, and serves until its standard input closes.
"""

import sys

import xllamacpp


def main() -> None:
    params = xllamacpp.CommonParams()
    params.model.path, key = sys.argv[1:3]
    params.n_gpu_layers = 0
    params.fit_params = False
    params.n_parallel = 1
    params.n_ctx = 2048
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 2
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.use_jinja = True
    params.chat_template = "chatml"
    params.ui = False
    params.verbosity = 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
