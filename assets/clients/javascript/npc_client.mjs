// A game's side of the npc-runtime protocol in JavaScript: one file, no packages, for browsers and Node.
//
//   const npc = new NpcClient({ hello: { player: { id: "p1", name: "Tamsin" } } });
//   npc.on("welcome", () => { npc.talk("brynja"); npc.tell("Can you mend my sword?"); });
//   npc.on("say", (say) => console.log(say.text));
//   npc.perform("give_item", ({ item }) => game.give(item));
//   npc.connect();
//
// A web page may connect only if the runtime names its origin in `server.allowed_origins`. Node before 22 has no global
// WebSocket: run it with `--experimental-websocket`, or give `open: (url) => new WebSocket(url)` with the class of a package.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 8000;

/** Throw this in an action to say that the game will not do it: `throw new Refused("The shop is closed.")`. */
export class Refused extends Error {}

export class NpcClient {
  /** Return this from an action that takes time, and call `result` when it is over. */
  static LATER = Symbol("later");

  /** What the runtime said in its welcome; null while there is no session. */
  welcome = null;

  #socket = null;
  #handlers = new Map();
  #actions = new Map();
  #permit = () => false;
  #wait = FIRST_WAIT;
  #timer = null;
  #wanted = false;

  /**
   * @param {object} options
   * @param {string} [options.url] Where the runtime listens.
   * @param {object} [options.hello] Fields of the hello: player, audio, visemes, face, save.
   * @param {boolean} [options.reconnect] Whether to connect again when the runtime is gone.
   * @param {(url: string) => WebSocket} [options.open] Makes a socket; one that sends a token, for example.
   */
  constructor({ url = "ws://127.0.0.1:8910/v1/ws", hello = {}, reconnect = true, open } = {}) {
    this.url = url;
    this.hello = hello;
    this.reconnect = reconnect;
    this.open = open ?? ((address) => new WebSocket(address));
  }

  // ---- what the game wants to know ----

  /**
   * Call a function for every message of a type (`say`, `emotion`, `turn.end`, …; `*` for all of them), and for
   * `audio` (message, Int16Array), `problem` (text: something could not be understood) and `closed` (reason, again).
   * `welcome` comes after every connect, the first and later ones: describe the scene there.
   */
  on(type, handler) {
    this.#handlers.set(type, [...(this.#handlers.get(type) ?? []), handler]);
    return this;
  }

  /**
   * How an action is done: `handler(args, action)`. What it returns is its result; what it throws says why it failed.
   * It may be async. `*` stands for every action without a handler of its own.
   */
  perform(name, handler) {
    this.#actions.set(name, handler);
    return this;
  }

  /** Whether an action that asks first may be done: `handler(action)` answers true or false. Nothing may unless you say so. */
  permit(handler) {
    this.#permit = handler;
    return this;
  }

  // ---- the connection ----

  /** Connect, and stay connected until `close`. An older connection says goodbye, and nothing more of it is handed out. */
  connect() {
    this.#leave();
    this.#wanted = true;
    this.#dial();
    return this;
  }

  /** Say goodbye; `closed` follows. */
  close() {
    this.#wanted = false;
    if (this.#leave()) this.#emit("closed", "closed", false);
  }

  /** Send any message of the protocol. Returns whether there was a session to take it. */
  send(type, fields = {}) {
    return this.#put(JSON.stringify({ ...fields, type }));
  }

  // ---- what the game has to say (CONTRACT 4.1) ----

  /** What is around the player: { location, time, facts, entities: [{id, name, tags, distance}], characters: [{id, distance}] }. */
  scene(scene) { return this.send("scene", scene); }
  updateScene(changes) { return this.send("scene.update", changes); }
  talk(character) { return this.send("talk.start", { character }); }
  leave(character) { return this.send("talk.stop", { character }); }
  /** The player says something in writing. */
  tell(text, to) { return this.send("player.text", { text, to }); }
  /** The player speaks: `listen`, then `microphone(pcm)` again and again (16-bit mono), then `listenStop` if it was push to talk. */
  listen(rate, mode = "push_to_talk") { return this.send("listen.start", { rate, mode }); }
  microphone(pcm) { return this.welcome !== null && this.#put(pcm); }
  listenStop() { return this.send("listen.stop"); }
  /** Something happened in the game. */
  event(name, params = {}, to) { return this.send("game.event", { name, params, to }); }
  /** How an action went, for those that return LATER: status is done, failed or refused. */
  result(id, status, result, message) { return this.send("action.result", { id, status, result, message }); }
  /** How much of a turn the player has heard. */
  played(turn, milliseconds, done = false) { return this.send("playback", { turn, played_ms: milliseconds, done }); }
  interrupt(turn) { return this.send("interrupt", { turn }); }
  save(slot) { return this.send("save", { slot }); }
  load(slot) { return this.send("load", { slot }); }

  // ---- inside ----

  #put(data) {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(data);
    return true;
  }

  /** Leave whatever there is. Returns whether nothing was open: not all sockets say that they never will be. */
  #leave() {
    const early = this.#timer !== null || this.#socket?.readyState === 0;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.send("bye");
    this.#socket?.close(1000);
    if (early) this.#socket = null;
    return early;
  }

  #dial() {
    this.#timer = null;
    this.#socket = null;
    this.welcome = null;
    let socket;
    try {
      socket = this.open(this.url);
    } catch (error) {
      this.#emit("closed", String(error.message ?? error), false);
      return;
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    const client = { name: "npc_client.mjs", version: "1" };
    // What an older socket still has to say must not touch the session of its successor.
    const present = () => socket === this.#socket;
    socket.onopen = () => present() && this.send("hello", { protocol: 1, client, ...this.hello });
    socket.onmessage = ({ data }) => present() && this.#receive(data);
    socket.onerror = () => {}; // onclose follows
    socket.onclose = ({ code, reason }) => {
      if (!present()) return;
      this.welcome = null;
      const again = this.#wanted && this.reconnect;
      if (again) {
        this.#timer = setTimeout(() => this.#dial(), this.#wait);
        this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
      }
      this.#emit("closed", reason || `code ${code}`, again);
    };
  }

  #receive(data) {
    let message, pcm;
    try {
      [message, pcm] = typeof data === "string" ? [JSON.parse(data)] : unpack(data);
      if (typeof message?.type !== "string") throw new Error("a message without a type");
    } catch (error) {
      this.#emit("problem", `not understood: ${error.message}`);
      return;
    }
    if (message.type === "welcome") {
      this.welcome = message;
      this.#wait = FIRST_WAIT;
    }
    this.#emit("*", message);
    this.#emit(message.type, message);
    if (pcm) this.#emit("audio", message, pcm);
    if (message.type === "action") this.#act(message);
  }

  async #act(action) {
    const { id, name, args } = action;
    const session = this.welcome?.session;
    const answer = (type, fields) => session === this.welcome?.session && this.send(type, { id, ...fields });
    if (action.needs_confirm) {
      // A question, not yet a deed: once it is allowed, the same action comes again without needs_confirm.
      const allow = await this.#try(() => this.#permit(action), (error) => this.#emit("problem", error.message));
      answer("action.confirm", { allow: allow === true });
      return;
    }
    const handler = this.#actions.get(name) ?? this.#actions.get("*") ?? cannot(name);
    let outcome = { status: "done" };
    const result = await this.#try(() => handler(args, action), (error) => {
      outcome = { status: error instanceof Refused ? "refused" : "failed", message: String(error.message ?? error) };
    });
    if (result === NpcClient.LATER) return;
    if (result !== undefined && result !== null) outcome.result = result;
    if (!action.needs_result && outcome.status === "done" && !("result" in outcome)) return;
    try {
      answer("action.result", outcome);
    } catch (error) {
      answer("action.result", { status: "failed", message: `The result cannot be sent: ${error.message}` });
    }
  }

  async #try(act, failed) {
    try {
      return await act();
    } catch (error) {
      return failed(error);
    }
  }

  #emit(type, ...what) {
    for (const handler of this.#handlers.get(type) ?? []) {
      try {
        handler(...what);
      } catch (error) {
        if (type === "problem") throw error;
        this.#emit("problem", `the handler of ${type} failed: ${error.message}`);
      }
    }
  }
}

const cannot = (name) => () => { throw new Error(`This game cannot do ${name}.`); };

/** A binary frame: the length of the header (4 bytes, little-endian), the header as JSON, 16-bit mono samples. */
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(buffer, 4, length)));
  const rest = buffer.slice(4 + length);
  return [header, new Int16Array(rest, 0, rest.byteLength >> 1)];
}
