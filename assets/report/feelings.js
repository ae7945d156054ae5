// What each of the 19 emotion labels does to a face, and its hue on the page.
//
// inner, outer: the ends of the brows, down -1..1 up. eyes: how wide, 1 is rest. squint: lower lids raised.
// smile: corners of the mouth, -1..1. skew: how one-sided that is. press: lips together. sneer: nose wrinkled.
// blush: colour in the cheeks. tilt: of the head, degrees.

const CALM = { inner: 0, outer: 0, eyes: 1, squint: 0.1, smile: 0.05, skew: 0, press: 0, sneer: 0, blush: 0.15, tilt: 0 };

const FEELINGS = {
  neutral: { hue: 215, tint: 0.35, face: {} },
  interest: { hue: 190, tint: 0.9, face: { inner: 0.3, outer: 0.5, eyes: 1.18, smile: 0.2, tilt: 3 } },
  validation: { hue: 160, tint: 0.9, face: { inner: 0.25, outer: 0.2, squint: 0.25, smile: 0.45, tilt: 2 } },
  joy: { hue: 46, tint: 1, face: { inner: 0.25, outer: 0.4, eyes: 0.95, squint: 0.7, smile: 1, blush: 0.7 } },
  humor: { hue: 36, tint: 1, face: { outer: 0.4, eyes: 0.9, squint: 0.6, smile: 0.75, skew: 0.35, blush: 0.4, tilt: -3 } },
  tense_humor: { hue: 62, tint: 0.8, face: { inner: 0.5, outer: 0, eyes: 1.12, squint: 0.2, smile: 0.45, skew: 0.3 } },
  affection: { hue: 338, tint: 1, face: { inner: 0.35, outer: 0.1, eyes: 0.88, squint: 0.4, smile: 0.6, blush: 0.9, tilt: 4 } },
  surprise: { hue: 272, tint: 0.9, face: { inner: 0.9, outer: 1, eyes: 1.4, squint: 0, smile: 0 } },
  tension: { hue: 28, tint: 0.8, face: { inner: 0.5, outer: -0.2, eyes: 1.15, smile: -0.2, press: 0.5 } },
  sadness: { hue: 225, tint: 0.9, face: { inner: 1, outer: -0.6, eyes: 0.75, smile: -0.7, blush: 0, tilt: -3 } },
  whining: { hue: 248, tint: 0.8, face: { inner: 0.9, outer: -0.4, eyes: 0.92, squint: 0.3, smile: -0.6, tilt: 3 } },
  defensiveness: { hue: 205, tint: 0.7, face: { inner: 0.4, outer: 0, eyes: 1.08, smile: -0.3, tilt: -2 } },
  stonewalling: { hue: 215, tint: 0.6, face: { inner: -0.2, outer: -0.15, eyes: 0.68, smile: -0.1, press: 0.6, blush: 0 } },
  criticism: { hue: 14, tint: 0.8, face: { inner: -0.5, outer: 0.1, eyes: 0.9, squint: 0.3, smile: -0.3, skew: -0.2, tilt: 2 } },
  domineering: { hue: 350, tint: 0.8, face: { inner: -0.7, outer: 0.3, eyes: 0.9, squint: 0.35, smile: -0.1, press: 0.3 } },
  belligerence: { hue: 8, tint: 1, face: { inner: -0.85, outer: 0.4, eyes: 1.1, squint: 0.3, smile: -0.3, skew: 0.4, sneer: 0.5 } },
  anger: { hue: 2, tint: 1, face: { inner: -1, outer: 0.25, eyes: 1.05, squint: 0.45, smile: -0.6, press: 0.6, sneer: 0.5, blush: 0.6 } },
  contempt: { hue: 292, tint: 0.8, face: { inner: -0.25, outer: 0.1, eyes: 0.78, squint: 0.2, smile: 0.1, skew: 0.6, tilt: -4 } },
  disgust: { hue: 96, tint: 0.8, face: { inner: -0.5, outer: -0.3, eyes: 0.75, squint: 0.6, smile: -0.6, sneer: 1, tilt: 2 } },
};

const STRENGTHS = { weak: 0.45, normal: 0.75, strong: 1 };

/** Hue, colourfulness and face of an `emotion` message; calm when there is none. */
function feelingOf(message) {
  const name = message ? String(message.label || "").toLowerCase().replace(/-/g, "_") : "neutral";
  const known = Object.hasOwn(FEELINGS, name) ? FEELINGS[name] : FEELINGS.neutral;
  const felt = message && Number.isFinite(message.intensity) ? message.intensity : 0.5;
  // Even a faint feeling must be readable, so strength sets the floor and intensity the rest.
  const strength = message ? clamp(0.6 * (STRENGTHS[message.strength] || 0.75) + 0.5 * felt, 0.3, 1) : 0;
  const face = {};
  for (const key of Object.keys(CALM)) face[key] = mix(CALM[key], known.face[key] ?? CALM[key], strength);
  return { name, hue: known.hue, tint: known.tint, face };
}
