// Connects and leaves in odd moments: connecting.mjs URL MODE
import { NpcClient } from "../../../assets/clients/javascript/npc_client.mjs";

const [, , url, mode] = process.argv;
const npc = new NpcClient({ url });
let welcomes = 0;
let lost = false;

npc.on("welcome", () => {
  console.log("welcome");
  welcomes += 1;
  if (mode === "odd") return npc.tell("Can you mend my sword?");
  if (mode === "at_once" && welcomes === 1) {
    npc.event("leaving");
    npc.close();
    return npc.connect();
  }
  console.log("microphone:", npc.microphone(new Int16Array(8)));
  setTimeout(() => npc.tell("Only talk."), 600); // longer than the first pause before a connection is made again
});
npc.perform("give_item", () => 1n);
npc.permit(() => true);
npc.on("say", ({ text }) => console.log("say:", text));
npc.on("turn.end", () => npc.close());
npc.on("closed", (reason, again) => {
  console.log(again ? "lost" : "closed");
  if (!again || lost) return;
  lost = true;
  if (mode !== "at_once") npc.close();
  if (mode === "paused") npc.connect();
});
npc.connect();
console.log("microphone:", npc.microphone(new Int16Array(8)));
if (mode === "early") npc.close();
