// A mouth drawn from a pose: lips, the opening between them, teeth and tongue. Its middle is at 0, 0; about 70 units wide.

let mouths = 0;

class Mouth {
  constructor() {
    const clip = `mouth-opening-${mouths++}`;
    this.opening = draw("path");
    this.lips = draw("path", { class: "lips" });
    this.lower = draw("path", { class: "lip-lower" });
    this.inside = draw("path", { class: "mouth-inside" });
    this.upperTeeth = draw("rect", { class: "teeth", rx: 4 });
    this.lowerTeeth = draw("rect", { class: "teeth dim", rx: 4 });
    this.tongue = draw("ellipse", { class: "tongue" });
    this.line = draw("path", { class: "lip-line" });
    this.node = draw("g", { class: "mouth" }, [
      draw("clipPath", { id: clip }, [this.opening]),
      this.lips,
      this.lower,
      this.inside,
      draw("g", { "clip-path": `url(#${clip})` }, [this.lowerTeeth, this.upperTeeth, this.tongue]),
      this.line,
    ]);
  }

  /** Draw a pose. `left` and `right` lift (or lower) the corners, -1..1. */
  show(pose, left = 0, right = 0) {
    const shut = smooth(0.4, 0.8, pose.press);
    const half = 27 + 7 * pose.wide - 13 * pose.round + 2.5 * Math.max(0, left + right) * (1 - pose.round);
    const gap = (1 - shut) * (30 * pose.jaw + 5 * pose.round * smooth(0, 0.3, pose.jaw));
    const top = -0.3 * gap;
    const bottom = mix(0.7 * gap, top + 3.5, pose.tuck * smooth(0.5, 2, gap));
    const upper = 6 + 2.5 * pose.round - 2.2 * pose.press;
    const lower = (8 + 3 * pose.round - 2.5 * pose.press) * (1 - 0.4 * pose.tuck);
    const cl = -9 * left;
    const cr = -9 * right;

    // A cubic whose two handles lie at height h passes its middle at ¾ h + ⅛ of each end: solve for the middle wanted.
    const handle = (middle) => (8 * middle - cl - cr) / 6;
    const inner = half - 3;
    const reach = 0.55 * inner;
    const upperEdge = handle(top);
    const lowerEdge = handle(bottom);
    const opening =
      `M${-inner} ${cl}C${-reach} ${upperEdge} ${reach} ${upperEdge} ${inner} ${cr}` +
      `C${reach} ${lowerEdge} ${-reach} ${lowerEdge} ${-inner} ${cl}Z`;
    const peak = top - upper * 1.2;
    const outerLow = handle(bottom + lower);
    set(this.lips, {
      d: path(
        `M${-half} ${cl}C${-half * 0.7} ${mix(cl, peak, 0.55)} ${-half * 0.36} ${peak} ${-half * 0.17} ${peak}` +
          `Q${-half * 0.06} ${peak} 0 ${top - upper * 0.8}Q${half * 0.06} ${peak} ${half * 0.17} ${peak}` +
          `C${half * 0.36} ${peak} ${half * 0.7} ${mix(cr, peak, 0.55)} ${half} ${cr}` +
          `C${half * 0.62} ${outerLow} ${-half * 0.62} ${outerLow} ${-half} ${cl}Z`,
      ),
    });
    set(this.lower, {
      d: path(
        `M${-inner} ${cl}C${-reach} ${lowerEdge} ${reach} ${lowerEdge} ${inner} ${cr}` +
          `C${half * 0.62} ${outerLow} ${-half * 0.62} ${outerLow} ${-inner} ${cl}Z`,
      ),
    });
    set(this.opening, { d: path(opening) });
    set(this.inside, { d: path(opening), opacity: gap > 0.4 ? 1 : 0 });
    set(this.line, {
      d: path(`M${-inner} ${cl}C${-reach} ${upperEdge} ${reach} ${upperEdge} ${inner} ${cr}`),
      opacity: clamp(1 - gap / 3, 0, 1),
    });

    const tooth = Math.min(gap * 0.75, 2.5 + 5 * pose.teeth) * smooth(0.05, 0.3, pose.teeth);
    const floor = Math.min(gap * 0.5, 5) * pose.teeth * smooth(0.5, 0.15, pose.jaw);
    const row = { x: -half * 0.72, width: half * 1.44 };
    set(this.upperTeeth, { ...row, y: top - 4, height: 4 + tooth });
    set(this.lowerTeeth, { ...row, y: bottom - floor, height: floor + 4 });
    const rise = bottom + 7.5 - pose.tongue * gap * 0.6;
    set(this.tongue, { cx: 0, cy: rise, rx: half * 0.55, ry: 9, opacity: smooth(0.05, 0.2, pose.tongue) });
  }
}

/** Path data with short numbers. */
function path(data) {
  return data.replace(/-?\d+\.\d+(?:e-?\d+)?/g, (number) => String(Math.round(Number(number) * 100) / 100));
}
