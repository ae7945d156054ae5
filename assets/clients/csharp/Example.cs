// Everything a game does with a character, in one go: Example [ws://127.0.0.1:8910/v1/ws]
// Compile it beside NpcClient.cs: `mcs Example.cs NpcClient.cs`, or add both to a console project.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Threading;
using NpcRuntime;

static class Example
{
    const string Line = "Can you mend my sword? Grüße, 剣!";
    const string More = "Tell me about the mine.";

    static void Main(string[] args)
    {
        Console.OutputEncoding = new UTF8Encoding(false);
        var npc = args.Length > 0 ? new NpcClient(args[0]) : new NpcClient();
        npc.Hello["player"] = Json.Map("id", "tamsin", "name", "Tamsin");
        npc.Hello["audio"] = Json.Map("out", "binary", "rate", 22050);
        npc.Hello["visemes"] = "oculus";
        int asked = -1, told = -1; // the turns that answer Line and More
        var over = false;

        npc.On("welcome", message =>
        {
            asked = told = -1;
            var names = ((List<object>)message["characters"]).Select(each => (string)((Dictionary<string, object>)each)["name"]);
            Console.WriteLine("connected: " + string.Join(", ", names));
            npc.Scene(
                "location", "smithy",
                "entities", new List<object>
                {
                    Json.Map("id", "iron_sword", "name", "iron sword", "tags", new[] { "weapon" }, "distance", 1),
                    Json.Map("id", "oak_shield", "name", "oak shield", "tags", new[] { "armor" }, "distance", 2.5),
                },
                "characters", new List<object> { Json.Map("id", "brynja", "distance", 1.5, "looking_at_player", true) });
            npc.Talk("brynja");
            npc.Tell(Line, "brynja");
        });

        npc.On("turn.begin", message =>
        {
            if ((string)message["reply_to"] == Line) asked = Turn(message);
            if ((string)message["reply_to"] == More) told = Turn(message);
        });
        npc.On("say", message =>
        {
            Console.WriteLine("subtitle: " + message["text"]);
            if (Turn(message) == told) npc.Interrupt(told);
        });
        npc.On("visemes", message => Console.WriteLine("mouth: " + ((List<object>)message["frames"]).Count + " shapes"));
        npc.OnAudio((message, pcm) =>
        {
            Console.WriteLine("sound: " + pcm.Length / 2 + " samples");
            var end = (double)message["start_ms"] + pcm.Length / 2 * 1000.0 / (double)message["rate"];
            npc.Played(Turn(message), end); // a game says this when it has played them
        });
        npc.On("speech.stop", message => Console.WriteLine("stop playing"));
        npc.On("event", message => Console.WriteLine("event: " + message["name"]));
        npc.On("turn.end", message =>
        {
            Console.WriteLine("turn: " + message["reason"]);
            if (Turn(message) == asked)
            {
                npc.Event("storm_begins", Json.Map("strength", 3));
                npc.Tell(More, "brynja");
            }
            if (Turn(message) == told) npc.Save("first");
        });

        npc.Perform("give_item", (given, action) =>
        {
            Console.WriteLine("action: give " + given["item"]);
            return "gave " + given["item"];
        });
        npc.Perform("open_door", (given, action) =>
        {
            Console.WriteLine("action: open the door");
            return null;
        });
        npc.Permit(action => (string)action["name"] == "open_door");

        npc.On("saved", message => npc.Load((string)message["slot"]));
        npc.On("loaded", message =>
        {
            Console.WriteLine("saved and loaded: " + message["slot"]);
            npc.Close();
        });
        npc.On("error", message => Console.WriteLine("error: " + message["code"]));
        npc.OnProblem(text => Console.WriteLine("problem"));
        npc.OnClosed((reason, again) =>
        {
            Console.WriteLine(again ? "connection lost" : "closed");
            over = !again;
        });

        npc.Connect();
        for (var frames = 0; !over; frames++) // a game's loop
        {
            if (frames == 6000) npc.Close();
            npc.Update();
            Thread.Sleep(10);
        }
    }

    static int Turn(Dictionary<string, object> message) => (int)(double)message["turn"];
}
