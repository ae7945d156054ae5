// The fifteen mouth shapes (OVR names) as a drawn mouth, and which of them holds when.
//
// jaw: how far it drops. wide: corners drawn apart. round: lips pushed forward. press: lips together.
// teeth: how much of them shows. tongue: how far it rises. tuck: lower lip under the upper teeth. All 0..1.

const REST = { jaw: 0.03, wide: 0, round: 0, press: 0.35, teeth: 0, tongue: 0, tuck: 0 };

const SHAPES = {
  sil: { family: "rest", says: "silence", pose: {} },
  PP: { family: "lips", says: "p, b, m", pose: { jaw: 0, press: 1 } },
  FF: { family: "lips", says: "f, v", pose: { jaw: 0.14, teeth: 1, tuck: 1, press: 0 } },
  TH: { family: "tongue", says: "th", pose: { jaw: 0.24, teeth: 0.6, tongue: 1, press: 0, wide: 0.15 } },
  DD: { family: "tongue", says: "t, d", pose: { jaw: 0.24, teeth: 0.8, tongue: 0.35, press: 0, wide: 0.15 } },
  nn: { family: "tongue", says: "n, l", pose: { jaw: 0.27, teeth: 0.5, tongue: 0.5, press: 0, wide: 0.05 } },
  RR: { family: "tongue", says: "r", pose: { jaw: 0.24, round: 0.5, tongue: 0.3, teeth: 0.3, press: 0 } },
  kk: { family: "back", says: "k, g, h", pose: { jaw: 0.38, teeth: 0.4, tongue: 0.2, press: 0, wide: 0.1 } },
  CH: { family: "hiss", says: "ch, j, sh", pose: { jaw: 0.22, round: 0.6, teeth: 1, press: 0 } },
  SS: { family: "hiss", says: "s, z", pose: { jaw: 0.13, wide: 0.5, teeth: 1, press: 0 } },
  aa: { family: "open", says: "car", pose: { jaw: 0.95, wide: 0.1, teeth: 0.55, tongue: 0.25, press: 0 } },
  E: { family: "open", says: "bed", pose: { jaw: 0.55, wide: 0.5, teeth: 0.6, tongue: 0.35, press: 0 } },
  ih: { family: "spread", says: "tip", pose: { jaw: 0.3, wide: 0.75, teeth: 0.8, tongue: 0.35, press: 0 } },
  oh: { family: "round", says: "toe", pose: { jaw: 0.68, round: 0.7, tongue: 0.15, press: 0 } },
  ou: { family: "round", says: "book", pose: { jaw: 0.3, round: 1, press: 0 } },
};

const FAMILIES = {
  rest: "mouth at rest",
  lips: "lips closed, or on the teeth",
  tongue: "tongue tip up",
  back: "tongue back up",
  hiss: "teeth together",
  open: "jaw open",
  spread: "corners wide",
  round: "lips rounded",
};

// The vowels have two names each in use.
const ALIASES = { I: "ih", O: "oh", U: "ou" };

/** A shape by its name in the messages; one we do not know keeps its name and leaves the mouth at rest. */
function shapeOf(id) {
  const name = ALIASES[id] || id;
  const known = Object.hasOwn(SHAPES, name) ? SHAPES[name] : { family: "rest", says: "", pose: {} };
  return { name, family: known.family, says: known.says, pose: { ...REST, ...known.pose } };
}

// The track is averaged over this window, so that one shape flows into the next.
const BLEND_MS = 50;
// A mouth forms a sound a little before it is heard; late lips look wrong sooner than early ones.
const LEAD_MS = 20;

/** Finds the shapes near a time in a track of frames ordered by start. */
class Track {
  constructor(frames) {
    this.frames = frames.map(([start, end, id, weight]) => ({ start, end, id, weight, shape: shapeOf(id) }));
    this.longest = this.frames.reduce((most, frame) => Math.max(most, frame.end - frame.start), 0);
  }

  /** Index of the first frame that starts at or after a time. */
  firstFrom(ms) {
    let low = 0;
    let high = this.frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.frames[middle].start < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The frames that overlap a stretch of time. */
  between(from, to) {
    const found = [];
    for (let i = this.firstFrom(from - this.longest); i < this.frames.length && this.frames[i].start < to; i++) {
      if (this.frames[i].end > from) found.push(this.frames[i]);
    }
    return found;
  }

  /** The strongest frame at a time, or undefined. */
  at(ms) {
    return this.between(ms, ms + 0.01).sort((a, b) => b.weight - a.weight)[0];
  }

  /** The pose of the mouth at a time: the shapes in the window, each by its weight and its share of the window. */
  pose(ms) {
    const from = ms + LEAD_MS - BLEND_MS / 2;
    const to = from + BLEND_MS;
    const pose = { ...REST };
    for (const frame of this.between(from, to)) {
      const share = (Math.min(to, frame.end) - Math.max(from, frame.start)) / BLEND_MS;
      for (const key of Object.keys(REST)) pose[key] += share * frame.weight * (frame.shape.pose[key] - REST[key]);
    }
    return pose;
  }
}
