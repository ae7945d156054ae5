// The drawn face: a portrait whose mouth follows the visemes and whose brows, eyes and cheeks follow the emotion.

const SKINS = [
  ["#f3d3bd", "#d9a98c", "#c4746a"],
  ["#e9bd9c", "#c98f6b", "#b5635a"],
  ["#d3a07a", "#ab7650", "#9c4f45"],
  ["#b57f58", "#8b5a39", "#86403a"],
  ["#8a5a3c", "#653d26", "#6e302e"],
  ["#65412d", "#472b1c", "#5a2828"],
];
// Hair stands out from the skin it frames, or the portrait loses its outline.
const HAIRS = ["#2b2320", "#4a3226", "#7a4a2a", "#a5672f", "#8d8a86", "#c9a15a", "#6d2f22"];
const DARK_HAIRS = ["#1a1412", "#241b19", "#9a9691"];
const FIRST_DARK_SKIN = 3;
const FRINGES = [
  "M80 148C74 70 118 40 166 42C222 44 250 84 241 150C236 122 226 104 206 94C170 104 118 100 104 96C90 108 84 124 80 148Z",
  "M80 150C70 76 112 38 162 40C218 42 252 80 241 152C238 126 232 108 222 98C196 108 168 92 156 78C140 96 112 108 98 106C88 116 83 130 80 150Z",
  "M80 142C76 78 116 46 160 46C206 46 244 78 240 142C234 112 214 90 160 88C106 90 86 112 80 142Z",
];
const BACKS = [
  "M70 168C58 84 104 30 162 30C224 30 262 82 250 168C248 190 242 206 236 214L84 214C78 206 72 190 70 168Z",
  "M68 160C56 80 104 28 160 28C220 28 264 80 252 160C256 210 262 244 248 276L72 276C58 244 64 210 68 160Z",
  "M74 150C66 84 108 36 160 36C212 36 254 84 246 150C246 172 242 186 238 194L82 194C78 186 74 172 74 150Z",
];

class Face {
  constructor(svg, seed) {
    const pick = hash(seed);
    const tone = pick % SKINS.length;
    const [skin, shade, lip] = SKINS[tone];
    const hairs = tone < FIRST_DARK_SKIN ? HAIRS : DARK_HAIRS;
    const hair = hairs[(pick >>> 5) % hairs.length];
    const cut = (pick >>> 9) % FRINGES.length;
    svg.style.setProperty("--skin", skin);
    svg.style.setProperty("--shade", shade);
    svg.style.setProperty("--lip", lip);
    svg.style.setProperty("--hair", hair);

    this.mouth = new Mouth();
    this.mouthAt = draw("g", {}, [this.mouth.node]);
    this.jaw = draw("path", { class: "skin" });
    this.jawShade = draw("path", { class: "neck-shade" });
    this.eyes = [new Eye("left", 124), new Eye("right", 196)];
    this.cheeks = [108, 212].map((x) => draw("ellipse", { class: "cheek", cx: x, cy: 196, rx: 22, ry: 14 }));
    this.nose = draw("path", { class: "nose" });
    this.sneer = draw("path", { class: "crease", d: "M150 168l-5 -5M170 168l5 -5" });
    this.head = draw("g", {}, [
      draw("ellipse", { class: "skin-dark", cx: 81, cy: 168, rx: 11, ry: 19 }),
      draw("ellipse", { class: "skin-dark", cx: 239, cy: 168, rx: 11, ry: 19 }),
      this.jaw,
      ...this.cheeks,
      this.sneer,
      this.nose,
      ...this.eyes.map((eye) => eye.node),
      this.mouthAt,
      draw("path", { class: "hair", d: FRINGES[cut] }),
      ...this.eyes.map((eye) => eye.brow),
    ]);
    this.back = draw("path", { class: "hair-back", d: BACKS[cut] });
    svg.append(
      this.back,
      draw("path", { class: "cloth", d: "M26 340C30 300 76 286 122 274L198 274C244 286 290 300 294 340Z" }),
      draw("path", { class: "skin-dark", d: "M132 216L188 216L190 270C190 292 130 292 130 270Z" }),
      this.jawShade,
      draw("path", { class: "collar", d: "M120 274C128 306 192 306 200 274L216 279C210 330 110 330 104 279Z" }),
      this.head,
    );
  }

  /** Draw a mouth pose under a feeling. `speaking` 0..1: while words are spoken the feeling leaves the mouth to them. */
  show(pose, feeling, speaking, blink) {
    const own = mix(1, 0.35, speaking);
    const smile = feeling.smile * own;
    const skew = feeling.skew * own;
    const shaped = { ...pose, press: clamp(pose.press + feeling.press * (1 - speaking) * 0.5, 0, 1) };
    this.mouth.show(shaped, clamp(smile - skew, -1, 1), clamp(smile + skew, -1, 1));
    const drop = 9 * shaped.jaw * (1 - smooth(0.4, 0.8, shaped.press));
    const chin = 264 + drop;
    set(this.mouthAt, { transform: `translate(160 ${path(String(224.5 + 0.25 * drop))})` });
    set(this.jaw, {
      d: path(
        `M160 58.0C214 58 241 100 239 156C238 ${205 + drop * 0.5} 205 ${chin} 160 ${chin}` +
          `C115 ${chin} 82 ${205 + drop * 0.5} 81 156C79 100 106 58 160 58Z`,
      ),
    });
    set(this.jawShade, { d: path(`M131.4 240.0V${chin - 4}C136 ${chin + 14} 184 ${chin + 14} 188.6 ${chin - 4}V240Z`) });
    const wrinkle = feeling.sneer * 3;
    const [side, tip] = [192 - wrinkle, 198 - wrinkle];
    set(this.nose, { d: path(`M157 160.0C154 176 150 186 148.5 ${side}C150 ${tip} 168 ${tip} 171 ${side}`) });
    set(this.sneer, { opacity: feeling.sneer });
    for (const cheek of this.cheeks) set(cheek, { opacity: 0.5 * feeling.blush, cy: 197 - 4 * Math.max(0, smile) });
    for (const eye of this.eyes) eye.show(feeling, blink);
    const tilt = `rotate(${path(String(feeling.tilt + 0.0001))} 160 270)`;
    set(this.head, { transform: tilt });
    set(this.back, { transform: tilt });
  }
}

/** One eye with its brow; `x` is its middle. */
class Eye {
  constructor(side, x) {
    this.x = x;
    this.outward = side === "left" ? -1 : 1;
    const clip = `eye-${side}`;
    this.shape = draw("path");
    this.white = draw("path", { class: "eye-white" });
    this.lid = draw("path", { class: "lid" });
    this.under = draw("path", { class: "lid under" });
    this.iris = draw("g", { "clip-path": `url(#${clip})` }, [
      draw("circle", { class: "iris", cx: x, cy: 158, r: 8.5 }),
      draw("circle", { class: "pupil", cx: x, cy: 158, r: 4.4 }),
      draw("circle", { class: "glint", cx: x + 3, cy: 154.5, r: 2 }),
    ]);
    this.node = draw("g", {}, [draw("clipPath", { id: clip }, [this.shape]), this.white, this.iris, this.lid, this.under]);
    this.brow = draw("path", { class: "brow" });
  }

  show(feeling, blink) {
    const y = 158;
    const open = 1 - blink;
    const above = y + 2 - (17 * feeling.eyes + 1) * open + 6 * blink;
    const below = y + 2 + (14 - 11 * feeling.squint) * open + 6 * blink;
    // An inner brow that sinks presses the lid with it; one that rises lifts it.
    const lidIn = above - 5 * feeling.inner * open;
    const [a, b] = [this.x - 18, this.x + 18];
    const [left, right] = this.outward < 0 ? [above, lidIn] : [lidIn, above];
    const top = `M${a} ${y + 1}.0C${this.x - 9} ${left} ${this.x + 9} ${right} ${b} ${y + 1}`;
    const whole = path(`${top}C${this.x + 9} ${below} ${this.x - 9} ${below} ${a} ${y + 1}Z`);
    set(this.shape, { d: whole });
    set(this.white, { d: whole });
    set(this.lid, { d: path(top) });
    const crease = `M${a + 4} ${y + 3}.0C${this.x - 8} ${below} ${this.x + 8} ${below} ${b - 4} ${y + 3}`;
    set(this.under, { d: path(crease), opacity: 0.35 * open });
    const lift = 132 - 4 * (feeling.eyes - 1);
    const skew = feeling.skew * this.outward;
    const inner = lift - 13 * feeling.inner - 3 * skew;
    const outer = lift + 3 - 10 * feeling.outer - 7 * skew;
    const [from, to] = [this.x - this.outward * 19, this.x + this.outward * 22];
    const bend = Math.min(inner, outer) - 5 - 3 * Math.max(0, feeling.outer);
    set(this.brow, { d: path(`M${from} ${inner}Q${this.x + this.outward * 6} ${bend} ${to} ${outer}`) });
  }
}

/** A small number from a text, the same on every machine (FNV-1a). */
function hash(text) {
  let value = 0x811c9dc5;
  for (const char of String(text)) value = Math.imul(value ^ char.codePointAt(0), 0x01000193) >>> 0;
  return (value ^ (value >>> 15)) >>> 0;
}
