// Playing the reply: the sound when there is one, a silent clock otherwise; one position for everything that moves.

class Transport {
  constructor(source, length) {
    this.length = length;
    this.position = 0;
    this.playing = false;
    this.onchange = () => {};
    this.onproblem = () => {};
    this.since = 0;
    this.sound = null;
    if (source) {
      this.sound = new Audio();
      this.sound.preload = "auto";
      this.sound.src = source;
      this.sound.addEventListener("ended", () => this.stopAt(this.length));
      // The event comes late: by then the sound may play again. The browser itself pauses too, for a call or a media key.
      this.sound.addEventListener("pause", () => {
        if (this.playing && this.sound.paused && !this.sound.ended) this.stopAt(this.now());
      });
      this.sound.addEventListener("error", () => {
        this.sound = null;
        this.stopAt(this.position);
        this.onproblem("This browser cannot play the sound; the mouth still moves, silently.");
      });
    }
  }

  /** Milliseconds from the start of the reply. */
  now() {
    if (!this.playing) return this.position;
    const elapsed = this.sound ? this.sound.currentTime * 1000 : this.position + performance.now() - this.since;
    if (!this.sound && elapsed >= this.length) this.stopAt(this.length);
    return Math.min(elapsed, this.length);
  }

  seek(ms) {
    this.position = clamp(ms, 0, this.length);
    this.since = performance.now();
    if (this.sound) this.sound.currentTime = this.position / 1000;
    this.onchange();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (this.playing || !this.length) return;
    if (this.position >= this.length - 20) this.seek(0);
    this.playing = true;
    this.since = performance.now();
    if (this.sound) {
      this.sound.play().catch((error) => {
        // A pause that overtakes the start of playing is not a problem.
        if (error.name === "AbortError") return;
        this.stopAt(this.position);
        this.onproblem("The browser did not start the sound. Press play once more.");
      });
    }
    this.onchange();
  }

  pause() {
    if (this.playing) this.stopAt(this.now());
  }

  stopAt(ms) {
    this.playing = false;
    this.position = clamp(ms, 0, this.length);
    if (this.sound && !this.sound.paused) this.sound.pause();
    this.onchange();
  }
}

/** The time in an address such as `#t=1.2`, in milliseconds, or null. */
function addressTime(fragment) {
  const match = /(?:^#|&)t=(\d+(?:\.\d+)?)/.exec(fragment);
  return match ? Number(match[1]) * 1000 : null;
}
