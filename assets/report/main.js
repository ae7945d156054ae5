// Puts the turn on the page and keeps everything that moves at one position.

const data = JSON.parse(byId("data").textContent);
const story = data.story;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const name = data.character.name || data.character.id || "Character";

const OUTCOMES = {
  done: ["Done", "good"],
  interrupted: ["Interrupted", "warn"],
  failed: ["Failed", "bad"],
  unfinished: ["Unfinished", "warn"],
};
const TIMINGS = {
  exact: "mouth timed by the voice itself",
  estimated: "mouth timed by estimate",
  energy: "mouth timed by loudness",
};
const PLAY = "M8 5.5v13l11-6.5z";
const PAUSE = "M7 5.5h3.6v13H7zM13.4 5.5H17v13h-3.6z";

const track = new Track(story.frames);
const transport = new Transport(data.reply.source, story.duration_ms);
const face = new Face(byId("face"), data.character.id || name);
const tip = new Tip(byId("tip"));
let wave = null;
let strip = null;
let legend = null;
let feelingIndex = -1;
let worn = null;
let wordNow = null;
let spokenClauses = [];
let frame = 0;
let pause = 0;
let nextBlink = performance.now() + 2200;
const BLINK_MS = 170;

fill();
transport.onchange = wake;
transport.onproblem = (text) => {
  byId("sound-problem").textContent = text;
  byId("sound-problem").hidden = false;
};
addEventListener("hashchange", follow);
follow();

/** Everything that does not move. */
function fill() {
  document.title = `${name} – npc-runtime report`;
  byId("name").textContent = name;
  byId("reply-who").textContent = name;
  byId("summary").textContent = data.character.summary;
  byId("version").textContent = data.version;
  const [word, kind] = OUTCOMES[story.outcome] || [title(story.outcome), "warn"];
  byId("outcome").textContent = word;
  byId("outcome").classList.add(kind);
  if (story.headline) {
    byId("headline").textContent = story.headline;
    byId("headline").classList.toggle("bad", story.outcome === "failed");
    byId("headline").hidden = false;
  }
  const line = byId("player-text");
  line.textContent = story.player_text || story.unheard || "Nothing was said.";
  line.classList.toggle("quiet", !story.player_text);
  if (story.language) line.lang = story.language;
  fillReply();
  fillPlayer();
  if (story.narration.length) {
    byId("narration").textContent = story.narration.join(" ");
    byId("narration").hidden = false;
  }
  fillFacts();
  fillTimeline();
  showLatency(byId("latency-body"), byId("latency-hint"), story);
  showActions(byId("actions-body"), story.actions, story.clauses.length > 0);
  showRemarks(byId("remarks"), byId("remarks-body"), story.remarks);
  showRaw(byId("raw-list"), byId("raw-hint"), data.messages);
}

function fillReply() {
  const holder = byId("subtitle");
  if (!story.clauses.length) {
    holder.textContent = story.text || "Said nothing.";
    holder.classList.toggle("quiet", !story.text);
    return;
  }
  if (story.language) holder.lang = story.language;
  spokenClauses = story.clauses.map((clause) => {
    const words = clause.words.map((word) => {
      const node = make("span", { class: "word", text: word.text });
      node.addEventListener("click", () => transport.seek(word.start_ms));
      return { ...word, node };
    });
    const node = make("span", { class: "clause" });
    for (const word of words) node.append(word.node, " ");
    holder.append(node);
    return { ...clause, node, words };
  });
}

function fillPlayer() {
  const button = byId("player-play");
  if (!data.player.source) return;
  const sound = new Audio(data.player.source);
  const label = byId("player-play-label");
  const reset = () => {
    button.classList.remove("on");
    label.textContent = "Play the player’s line";
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    if (!sound.paused) return sound.pause();
    transport.pause();
    sound.currentTime = 0;
    sound.play().catch(() => (label.textContent = "This browser cannot play the line"));
    button.classList.add("on");
    label.textContent = "Stop";
  });
  sound.addEventListener("pause", reset);
  sound.addEventListener("ended", reset);
  byId("play").addEventListener("click", () => sound.pause());
}

function fillFacts() {
  const stage = (wanted) => story.stages.find((one) => one.name === wanted);
  const facts = [];
  if (stage("first_audio")) facts.push(["First sound after", duration(stage("first_audio").end_ms)]);
  if (story.duration_ms) facts.push(["Reply lasts", duration(story.duration_ms)]);
  const actions = story.actions.map((one) => title(one.name));
  if (actions.length) facts.push([actions.length === 1 ? "Action" : "Actions", actions.join(", ")]);
  byId("facts").append(...facts.map(figure));
}

function fillTimeline() {
  const length = story.duration_ms;
  if (!length) {
    byId("timeline").hidden = true;
    return;
  }
  const hints = [];
  if (!data.reply.source) hints.push("no sound; plays silently");
  if (track.frames.length) hints.push(TIMINGS[story.timing] || "");
  byId("timeline-hint").textContent = hints.filter(Boolean).join(" · ");
  byId("clock-all").textContent = ` / ${clock(length)}`;
  const holder = byId("wave");
  holder.setAttribute("aria-valuemax", String(Math.round(length)));
  wave = new Wave(holder, byId("wave-canvas"), data.reply.peaks, length);
  byId("mouth-part").hidden = !track.frames.length;
  if (track.frames.length) {
    strip = new Strip(story, track, tip, (ms) => transport.seek(ms));
    legend = new Legend(byId("legend"), track);
  }
  byId("play").addEventListener("click", () => transport.toggle());
  listenToWave(holder);
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest("button, summary, a, pre")) return;
    event.preventDefault();
    transport.toggle();
  });
}

function listenToWave(holder) {
  const time = byId("wave-time");
  const length = story.duration_ms;
  holder.addEventListener("pointerdown", (event) => {
    holder.setPointerCapture(event.pointerId);
    transport.seek(wave.timeAt(event.clientX));
  });
  holder.addEventListener("pointermove", (event) => {
    const ms = wave.timeAt(event.clientX);
    if (event.buttons & 1) transport.seek(ms);
    time.hidden = false;
    time.textContent = `${clock2(ms)}${thin}s`;
    time.style.left = `${(ms / length) * 100}%`;
  });
  holder.addEventListener("pointerleave", () => (time.hidden = true));
  const arrows = { ArrowLeft: -250, ArrowDown: -250, ArrowRight: 250, ArrowUp: 250 };
  const steps = { ...arrows, PageDown: -2000, PageUp: 2000, Home: -length, End: length };
  holder.addEventListener("keydown", (event) => {
    if (!Object.hasOwn(steps, event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    transport.seek(transport.now() + steps[event.key]);
  });
}

/** Go to the time in the address. */
function follow() {
  const ms = addressTime(location.hash);
  if (ms === null) wake();
  else transport.seek(ms);
}

/** Draw now, and keep drawing while anything moves. */
function wake() {
  const button = byId("play");
  button.setAttribute("aria-label", transport.playing ? "Pause" : "Play");
  set(byId("play-icon"), { d: transport.playing ? PAUSE : PLAY });
  tick(performance.now());
}

/** Draw, and ask for the next frame when it will differ: at rest the page sleeps until the next blink. */
function tick(now) {
  cancelAnimationFrame(frame);
  clearTimeout(pause);
  render(now);
  if (transport.playing || (!still.matches && now >= nextBlink)) frame = requestAnimationFrame(tick);
  else if (!still.matches) pause = setTimeout(() => tick(performance.now()), nextBlink - now);
}

function render(now) {
  const ms = transport.now();
  const index = feelingAt(ms);
  if (index !== feelingIndex || worn === null) {
    feelingIndex = index;
    wear(index);
  }
  const wanted = feelingOf(index < 0 ? null : story.feelings[index].message).face;
  const glide = worn && transport.playing && !still.matches ? 0.12 : 1;
  if (!worn) worn = { ...wanted };
  for (const key of Object.keys(worn)) worn[key] = mix(worn[key], wanted[key], glide);

  const pose = track.pose(ms);
  const speaking = clamp(Math.max(pose.jaw * 4, pose.press > 0.6 ? 1 : 0, pose.round), 0, 1);
  const busy = transport.playing || ms > 0 ? speaking : 0;
  face.show(busy ? pose : { ...REST }, worn, busy, blink(now));

  for (const clause of spokenClauses) {
    clause.node.classList.toggle("now", ms > 0 && ms >= clause.start_ms && ms < clause.end_ms);
    for (const word of clause.words) {
      const started = ms > 0 && ms >= word.start_ms;
      const now = started && ms < word.end_ms;
      word.node.classList.toggle("now", now);
      if (now) keepInView(word.node);
      word.node.classList.toggle("spoken", started);
    }
  }
  byId("subtitle").classList.toggle("running", ms > 0 && ms < story.duration_ms);
  if (!wave) return;
  wave.show(ms);
  byId("clock-now").textContent = clock(ms);
  const slider = byId("wave");
  const [at, whole] = [ms, story.duration_ms].map((time) => (time / 1000).toFixed(1));
  set(slider, { "aria-valuenow": Math.round(ms), "aria-valuetext": `${at} of ${whole} seconds` });
  strip?.show(ms, transport.playing || ms !== strip.at);
  if (strip) strip.at = ms;
  legend?.show(ms > 0 && ms < story.duration_ms ? track.at(ms) : undefined);
}

/** Scroll a long reply so that the word being spoken can be read. */
function keepInView(node) {
  if (node === wordNow) return;
  wordNow = node;
  const holder = byId("subtitle");
  const above = node.offsetTop - holder.scrollTop;
  const room = holder.clientHeight - node.offsetHeight;
  if (above < 0 || above > room) holder.scrollTop = node.offsetTop - room / 3;
}

/** Index of the emotion that holds at a time; the first one also holds before it was felt. */
function feelingAt(ms) {
  let found = story.feelings.length ? 0 : -1;
  story.feelings.forEach((feeling, i) => {
    if (feeling.at_ms <= ms) found = i;
  });
  return found;
}

/** Colour and words of an emotion. */
function wear(index) {
  const message = index < 0 ? null : story.feelings[index].message;
  const feeling = feelingOf(message);
  document.documentElement.style.setProperty("--hue", String(feeling.hue));
  document.documentElement.style.setProperty("--tint", String(feeling.tint));
  byId("face-label").textContent = message ? title(message.label) : "";
  byId("face-label").hidden = !message;
  const felt = message ? `, feeling ${title(message.label).toLowerCase()}` : "";
  byId("face").setAttribute("aria-label", `Drawn face of ${name}${felt}`);
  showEmotion(byId("emotion"), byId("emotion-body"), story.feelings, index, (ms) => transport.seek(ms));
}

/** How far the lids are down, 0..1: now and then, for a moment. */
function blink(now) {
  if (still.matches) return 0;
  if (now > nextBlink + BLINK_MS) nextBlink = now + 2200 + Math.random() * 3000;
  const along = (now - nextBlink) / BLINK_MS;
  return along <= 0 || along >= 1 ? 0 : Math.sin(along * Math.PI);
}
