// Everything a game does with a character, in one go: node --experimental-websocket example.mjs [ws://127.0.0.1:8910/v1/ws]
import { NpcClient } from "./npc_client.mjs";

const LINE = "Can you mend my sword? Grüße, 剣!";
const MORE = "Tell me about the mine.";
const npc = new NpcClient({
  url: process.argv[2],
  hello: { player: { id: "tamsin", name: "Tamsin" }, audio: { out: "binary", rate: 22050 }, visemes: "oculus" },
});
let asked, told; // the turns that answer LINE and MORE

npc.on("welcome", ({ characters }) => {
  [asked, told] = [null, null];
  console.log("connected:", characters.map(({ name }) => name).join(", "));
  npc.scene({
    location: "smithy",
    entities: [
      { id: "iron_sword", name: "iron sword", tags: ["weapon"], distance: 1 },
      { id: "oak_shield", name: "oak shield", tags: ["armor"], distance: 2.5 },
    ],
    characters: [{ id: "brynja", distance: 1.5, looking_at_player: true }],
  });
  npc.talk("brynja");
  npc.tell(LINE, "brynja");
});

npc.on("turn.begin", ({ turn, reply_to }) => {
  if (reply_to === LINE) asked = turn;
  if (reply_to === MORE) told = turn;
});
npc.on("say", ({ turn, text }) => {
  console.log("subtitle:", text);
  if (turn === told) npc.interrupt(turn);
});
npc.on("visemes", ({ frames }) => console.log("mouth:", frames.length, "shapes"));
npc.on("audio", ({ turn, rate, start_ms }, pcm) => {
  console.log("sound:", pcm.length, "samples");
  npc.played(turn, start_ms + (pcm.length / rate) * 1000); // a game says this when it has played them
});
npc.on("speech.stop", () => console.log("stop playing"));
npc.on("event", ({ name }) => console.log("event:", name));
npc.on("turn.end", ({ turn, reason }) => {
  console.log("turn:", reason);
  if (turn === asked) {
    npc.event("storm_begins", { strength: 3 });
    npc.tell(MORE, "brynja");
  }
  if (turn === told) npc.save("first");
});

npc.perform("give_item", ({ item }) => {
  console.log("action: give", item);
  return `gave ${item}`;
});
npc.perform("open_door", () => console.log("action: open the door"));
npc.permit(({ name }) => name === "open_door");

npc.on("saved", ({ slot }) => npc.load(slot));
npc.on("loaded", ({ slot }) => {
  console.log("saved and loaded:", slot);
  npc.close();
});
npc.on("error", ({ code }) => console.log("error:", code));
npc.on("problem", () => console.log("problem"));
npc.on("closed", (reason, again) => {
  console.log(again ? "connection lost" : "closed");
  if (!again) clearTimeout(limit);
});
const limit = setTimeout(() => npc.close(), 60_000);
npc.connect();
