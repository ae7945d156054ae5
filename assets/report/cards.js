// The cards below the timeline: emotion, latency, actions, notes, raw messages.

const AXES = [
  ["Pleasure", "displeased", "pleased"],
  ["Arousal", "calm", "aroused"],
  ["Dominance", "submissive", "dominant"],
];
const RELATIONS = ["trust", "respect", "familiarity", "affection"];

/** A bar from the middle to a value in -1..1, with its number. */
function balance(name, value, low, high) {
  const number = Number.isFinite(value) ? clamp(value, -1, 1) : 0;
  const fill = make("i", { class: number < 0 ? "less" : "more" });
  fill.style.left = `${number < 0 ? 50 + number * 50 : 50}%`;
  fill.style.width = `${Math.abs(number) * 50}%`;
  const side = low && Math.abs(number) >= 0.05 ? (number < 0 ? low : high) : "";
  return make("li", {}, [
    make("span", { class: "axis" }, [document.createTextNode(name), make("small", { text: side })]),
    make("span", { class: "balance", "aria-hidden": "true" }, [fill]),
    make("span", { class: "num", text: signed(number) }),
  ]);
}

/** The emotion at one moment; called again when it changes. */
function showEmotion(card, holder, feelings, index, seek) {
  card.hidden = !feelings.length;
  if (card.hidden) return;
  const message = feelings[index].message;
  const mood = message.mood || {};
  const relation = message.relation || {};
  const felt = Math.round((message.intensity || 0) * 100);
  const parts = [
    make("div", { class: "feeling" }, [
      make("p", { class: "label", text: title(message.label) }),
      make("p", { class: "strength", text: `${message.strength || "normal"}, ${felt}${thin}%` }),
    ]),
  ];
  if (message.cause) parts.push(make("p", { class: "cause", dir: "auto", text: message.cause }));
  if (feelings.length > 1) {
    const path = feelings.map((feeling, i) => {
      const step = make("button", { type: "button", class: "step", "aria-pressed": String(i === index) }, [
        make("span", { text: title(feeling.message.label) }),
        make("small", { class: "num", text: `${(feeling.at_ms / 1000).toFixed(1)}${thin}s` }),
      ]);
      step.style.setProperty("--hue", feelingOf(feeling.message).hue);
      step.addEventListener("click", () => {
        seek(feeling.at_ms);
        holder.querySelectorAll(".step")[i]?.focus();
      });
      return make("li", {}, [step]);
    });
    parts.push(make("ol", { class: "steps", "aria-label": "Emotions over the reply" }, path));
  }
  const pad = Array.isArray(message.pad) ? message.pad : [];
  const axes = AXES.map(([name, low, high], i) => balance(name, pad[i], low, high));
  parts.push(make("h3", { text: "Right now" }), make("ul", { class: "balances" }, axes));
  if (mood.label) {
    const strength = mood.label === "neutral" ? "" : `${mood.strength || ""} `;
    parts.push(make("h3", { text: "Mood" }), make("p", { class: "mood", text: title(`${strength}${mood.label}`) }));
  }
  const known = RELATIONS.filter((axis) => axis in relation);
  if (known.length) {
    parts.push(make("h3", { text: "Towards the player" }));
    parts.push(make("ul", { class: "balances" }, known.map((axis) => balance(title(axis), relation[axis]))));
  }
  holder.replaceChildren(...parts);
}

/** Bars from the player's last sound to each stage; the stage's own part is solid. */
function showLatency(holder, hint, story) {
  if (!story.stages.length) {
    holder.append(make("p", { class: "none", text: "No timings were reported in this turn." }));
  }
  const inner = story.stages.filter((stage) => stage.name !== "total");
  const longest = Math.max(1, ...(inner.length ? inner : story.stages).map((stage) => stage.end_ms));
  // The whole turn lasts as long as the speech does, and would flatten every other bar: it may run off the scale.
  const rows = story.stages.map((stage) => {
    const off = stage.end_ms > longest * 1.02;
    const before = make("i", { class: "before" });
    const own = make("i", { class: "own" });
    before.style.width = `${clamp(stage.start_ms / longest, 0, 1) * 100}%`;
    own.style.left = before.style.width;
    own.style.width = `${clamp((Math.min(stage.end_ms, longest) - stage.start_ms) / longest, 0.006, 1) * 100}%`;
    const kind = stage.name === "total" ? "stage total" : stage.name === "first_audio" ? "stage key" : "stage";
    return make("li", { class: off ? `${kind} off` : kind }, [
      make("span", { class: "stage-name", text: stage.label }),
      make("span", { class: "num", text: milliseconds(stage.end_ms) }),
      make("span", { class: "track", "aria-hidden": "true" }, [before, own]),
      make("small", {
        class: "num delta",
        text: stage.name === "total" ? "" : `+${milliseconds(stage.end_ms - stage.start_ms)}`,
      }),
    ]);
  });
  if (rows.length) {
    const spoken = story.stages.some((stage) => stage.name === "endpoint" || stage.name === "stt");
    hint.textContent = spoken ? "after the player’s last sound" : "after the player’s words arrived";
    holder.append(make("ol", { class: "stages" }, rows));
  }
  const usage = story.usage;
  if (!usage) return;
  const facts = [
    ["Model", usage.model],
    ["Prompt", `${thousands(usage.prompt_tokens)} tokens`],
    ["Written", `${thousands(usage.completion_tokens)} tokens`],
  ];
  if (Number.isFinite(usage.cost)) facts.push(["Cost", `$${usage.cost.toFixed(4)}`]);
  holder.append(make("dl", { class: "usage" }, facts.map(figure)));
}

/** A named figure, for a list of them. */
function figure([name, text]) {
  return make("div", {}, [make("dt", { text: name }), make("dd", { class: "num", text })]);
}

/** Text in which `code` stands between backticks, as hints are written. */
function prose(text, attributes = {}) {
  const parts = String(text ?? "").split("`");
  // An odd backtick out is just a character.
  if (parts.length % 2 === 0) return make("p", { ...attributes, dir: "auto", text });
  return make("p", { ...attributes, dir: "auto" }, parts.map((part, i) => (i % 2 ? make("code", { text: part }) : part)));
}

function showActions(holder, actions, spoke) {
  if (!actions.length) {
    const text = spoke ? "The character only spoke." : "The character did nothing.";
    holder.append(make("p", { class: "none", text }));
    return;
  }
  for (const action of actions) {
    const badges = [];
    if (action.needs_confirm) badges.push(make("span", { class: "tag ask", text: "asks the game first" }));
    if (action.needs_result) badges.push(make("span", { class: "tag", text: "waits for a result" }));
    const given = Object.entries(action.args || {});
    if (action.target) given.push(["target", action.target]);
    holder.append(
      make("article", { class: "action" }, [
        make("header", {}, [make("h3", { text: title(action.name) }), ...badges]),
        make("code", { class: "call", text: action.name }),
        make(
          "dl",
          {},
          given.flatMap(([name, text]) => [make("dt", { text: name }), make("dd", { dir: "auto", text })]),
        ),
      ]),
    );
  }
}

function showRemarks(card, holder, remarks) {
  card.hidden = !remarks.length;
  for (const remark of remarks) {
    const failed = remark.type === "error";
    holder.append(
      make("article", { class: failed ? "remark failed" : "remark" }, [
        make("header", {}, [
          make("span", { class: failed ? "tag bad" : "tag", text: failed ? "error" : "notice" }),
          make("code", { text: remark.code }),
        ]),
        prose(remark.message),
        ...(remark.hint ? [prose(remark.hint, { class: "hint" })] : []),
      ]),
    );
  }
}

/** Every message as it went over the wire; a message's text is made when it is first opened. */
function showRaw(holder, hint, messages) {
  hint.textContent = plural(messages.length, "message", "messages");
  messages.forEach((message, index) => {
    const body = make("pre", { tabindex: "0" });
    const row = make("details", {}, [
      make("summary", {}, [
        make("span", { class: "num seq", text: message.seq ?? index }),
        make("code", { text: message.type }),
        make("span", { class: "gist", dir: "auto", text: gist(message) }),
      ]),
      body,
    ]);
    row.addEventListener("toggle", () => {
      if (row.open && !body.textContent) body.textContent = layout(message);
    });
    holder.append(make("li", {}, [row]));
  });
}

/** What a message is about, in a few words. */
function gist(message) {
  switch (message.type) {
    case "emotion":
      return `${message.label} ${message.strength}`;
    case "visemes":
      return `${plural((message.frames || []).length, "frame", "frames")}, ${message.timing}`;
    case "action":
      return message.name;
    case "turn.begin":
      return message.character;
    case "turn.end":
      return message.reason;
    case "speech.audio":
      return message.pcm_base64 || message.path || "";
    default:
      return message.text ?? message.message ?? message.stage ?? "";
  }
}

/** JSON over several lines, with each list of plain values on one. */
function layout(message) {
  // Text never holds a bare line break here, so only the layout between values is touched.
  const lists = /\[\n\s*([^[\]{}]*?)\n\s*\]/g;
  return JSON.stringify(message, null, 2).replace(lists, (_, inner) => `[${inner.replace(/,\n\s*/g, ", ")}]`);
}
