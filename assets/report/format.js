// Numbers and names as people write them.

const thin = "\u202f";

/** `0.41 s` or `86 ms`. */
function duration(ms) {
  if (!Number.isFinite(ms)) return "–";
  if (Math.abs(ms) < 1000) return `${Math.round(ms)}${thin}ms`;
  return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)}${thin}s`;
}

/** `1 240 ms`, for columns of figures. */
function milliseconds(ms) {
  return `${thousands(Math.round(ms))}${thin}ms`;
}

function thousands(value) {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, thin);
}

/** `0:03.4`. */
function clock(ms) {
  const tenths = Math.max(0, Math.floor(ms / 100 + 1e-6));
  const seconds = Math.floor(tenths / 10);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}.${tenths % 10}`;
}

/** `+0.45`, with a real minus sign. */
function signed(value) {
  const rounded = Math.abs(value).toFixed(2);
  if (Number(rounded) === 0) return "0.00";
  return (value < 0 ? "\u2212" : "+") + rounded;
}

/** `repair_item` as `Repair item`. */
function title(name) {
  const words = String(name).replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function plural(count, one, many) {
  return `${count} ${count === 1 ? one : many}`;
}
