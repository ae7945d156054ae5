// The waveform, and below it the strip of words and mouth shapes.

/** The loudness of the reply as bars; what has been played is in the accent colour. */
class Wave {
  constructor(holder, canvas, peaks, length) {
    Object.assign(this, { holder, canvas, peaks, length });
    this.drawn = -1;
    new ResizeObserver(() => this.measure()).observe(holder);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.measure());
    this.measure();
  }

  measure() {
    const scale = devicePixelRatio || 1;
    this.width = this.holder.clientWidth;
    this.height = this.holder.clientHeight;
    this.canvas.width = Math.round(this.width * scale);
    this.canvas.height = Math.round(this.height * scale);
    this.scale = scale;
    const style = getComputedStyle(this.holder);
    this.colours = ["--accent", "--wave", "--accent"].map((name) => style.getPropertyValue(name).trim());
    this.drawn = -1;
    this.show(this.at || 0);
  }

  show(ms) {
    this.at = ms;
    const x = this.length ? (ms / this.length) * this.width : 0;
    if (Math.abs(x - this.drawn) < 0.25) return;
    this.drawn = x;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    const step = 4;
    const count = Math.max(1, Math.floor(this.width / step));
    const middle = this.height / 2;
    for (let i = 0; i < count; i++) {
      const left = (i * this.width) / count;
      const tall = Math.max(2, this.loudest(i / count, (i + 1) / count) * (this.height - 8));
      pen.fillStyle = left + 1.5 < x ? this.colours[0] : this.colours[1];
      pen.beginPath();
      pen.roundRect(left + 0.5, middle - tall / 2, 2.5, tall, 1.25);
      pen.fill();
    }
    pen.fillStyle = this.colours[2];
    pen.beginPath();
    pen.roundRect(clamp(x - 1, 0, this.width - 2), 0, 2, this.height, 1);
    pen.fill();
  }

  loudest(from, to) {
    const first = Math.floor(from * this.peaks.length);
    const last = Math.max(first + 1, Math.ceil(to * this.peaks.length));
    let most = 0;
    for (let i = first; i < last && i < this.peaks.length; i++) most = Math.max(most, this.peaks[i]);
    return most;
  }

  /** The time under a pointer. */
  timeAt(clientX) {
    const box = this.holder.getBoundingClientRect();
    return clamp((clientX - box.left) / box.width, 0, 1) * this.length;
  }
}

// Narrower than this, an ordinary phone of 70 ms is hard to point at.
const PIXELS_PER_SECOND = 190;

/** Words above mouth shapes, to scale; scrolls along when the reply is longer than the page is wide. */
class Strip {
  constructor(story, track, tip, seek) {
    this.holder = byId("strip");
    this.inner = byId("strip-inner");
    this.cursor = byId("cursor");
    this.length = story.duration_ms;
    this.track = track;
    this.tip = tip;
    this.heldUntil = 0;
    this.inner.style.minWidth = `${Math.ceil((this.length / 1000) * PIXELS_PER_SECOND)}px`;
    const place = (node, start, end) => {
      node.style.left = `${(start / this.length) * 100}%`;
      node.style.width = `${((end - start) / this.length) * 100}%`;
      return node;
    };
    const every = this.length > 20000 ? 1000 : 500;
    for (let ms = 0; ms < this.length; ms += every) {
      byId("ticks").append(place(make("span", { text: `${(ms / 1000).toFixed(every < 1000 ? 1 : 0)}` }), ms, ms));
    }
    this.words = story.clauses.flatMap((clause) => clause.words).map((word) => {
      const node = place(make("span", { text: word.text, title: word.text }), word.start_ms, word.end_ms);
      byId("strip-words").append(node);
      return { ...word, node };
    });
    this.cells = track.frames.map((frame) => {
      const node = place(make("span", { class: `cell v-${frame.shape.family}` }), frame.start, frame.end);
      const bar = make("i");
      bar.style.height = `${clamp(frame.weight, 0.08, 1) * 100}%`;
      node.append(bar);
      if (frame.shape.name !== "sil") node.append(make("b", { text: frame.shape.name }));
      byId("visemes").append(node);
      return { ...frame, node };
    });
    new ResizeObserver(() => this.label()).observe(this.inner);
    this.listen(seek);
  }

  /** Show the names of the shapes that are wide enough for theirs. */
  label() {
    const scale = this.inner.clientWidth / this.length;
    for (const cell of this.cells) {
      cell.node.classList.toggle("roomy", (cell.end - cell.start) * scale >= 7 * cell.shape.name.length + 1);
    }
  }

  listen(seek) {
    const row = byId("visemes");
    const near = (event) => {
      const box = this.inner.getBoundingClientRect();
      return clamp((event.clientX - box.left) / box.width, 0, 1) * this.length;
    };
    row.addEventListener("pointermove", (event) => this.explain(near(event), event));
    row.addEventListener("pointerdown", (event) => this.explain(near(event), event));
    row.addEventListener("pointerleave", () => this.tip.hide());
    this.inner.addEventListener("click", (event) => seek(near(event)));
    this.holder.addEventListener("scroll", () => this.tip.hide(), { passive: true });
    for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      // Who scrolls by hand wants to look there: do not pull the strip back at once.
      this.holder.addEventListener(kind, () => (this.heldUntil = performance.now() + 2500), { passive: true });
    }
  }

  explain(ms, event) {
    const frames = this.track.between(ms, ms + 0.01);
    if (!frames.length) return this.tip.hide();
    const lines = frames.flatMap((frame) => [
      make("strong", { text: `${frame.shape.name}${frame.shape.says ? ` · ${frame.shape.says}` : ""}` }),
      make("span", { text: FAMILIES[frame.shape.family] }),
      make("span", {
        class: "num",
        text: `${clock2(frame.start)}–${clock2(frame.end)} s · ${Math.round(frame.weight * 100)}${thin}%`,
      }),
    ]);
    this.tip.show(lines, event.clientX, byId("visemes").getBoundingClientRect().top);
  }

  show(ms, follow) {
    const share = this.length ? ms / this.length : 0;
    const width = this.inner.clientWidth;
    this.cursor.style.transform = `translateX(${share * width}px)`;
    for (const word of this.words) word.node.classList.toggle("now", ms >= word.start_ms && ms < word.end_ms);
    for (const cell of this.cells) cell.node.classList.toggle("now", ms >= cell.start && ms < cell.end);
    if (follow && performance.now() > this.heldUntil) this.holder.scrollLeft = share * width - this.holder.clientWidth * 0.4;
  }
}

/** Seconds with hundredths. */
function clock2(ms) {
  return (ms / 1000).toFixed(2);
}

/** The small card that explains what is under the pointer. */
class Tip {
  constructor(node) {
    this.node = node;
  }

  show(lines, clientX, top) {
    this.node.replaceChildren(...lines);
    this.node.hidden = false;
    const half = this.node.offsetWidth / 2;
    this.node.style.left = `${clamp(clientX - half, 8, document.documentElement.clientWidth - 2 * half - 8)}px`;
    this.node.style.top = `${Math.max(8, top - this.node.offsetHeight - 8)}px`;
  }

  hide() {
    this.node.hidden = true;
  }
}

/** The legend: a small drawn mouth for each shape that occurs. */
class Legend {
  constructor(holder, track) {
    const used = new Set(track.frames.map((frame) => frame.shape.name));
    const names = [...Object.keys(SHAPES), ...used].filter((name, i, all) => used.has(name) && all.indexOf(name) === i);
    this.tiles = new Map();
    for (const name of names) {
      const shape = shapeOf(name);
      const mouth = new Mouth();
      mouth.show(shape.pose);
      const tile = make("li", { class: `v-${shape.family}` }, [
        draw("svg", { viewBox: "-40 -22 80 58", "aria-hidden": "true" }, [mouth.node]),
        make("strong", { text: name }),
        make("span", { text: shape.says }),
      ]);
      this.tiles.set(name, tile);
      holder.append(tile);
    }
  }

  show(frame) {
    const name = frame ? frame.shape.name : "";
    if (name === this.name) return;
    this.tiles.get(this.name)?.classList.remove("now");
    this.tiles.get(name)?.classList.add("now");
    this.name = name;
  }
}
