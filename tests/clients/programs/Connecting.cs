// Connects and leaves in odd moments: Connecting URL MODE
using System;
using System.Threading;
using NpcRuntime;

static class Connecting
{
    static void Main(string[] args)
    {
        var npc = new NpcClient(args[0]);
        var mode = args[1];
        var welcomes = 0;
        var tellAt = -1;
        bool lost = false, over = false;

        npc.On("welcome", message =>
        {
            Console.WriteLine("welcome");
            if (mode == "odd") npc.Tell("Can you mend my sword?");
            else if (mode == "at_once" && ++welcomes == 1)
            {
                npc.Event("leaving");
                npc.Close();
                npc.Connect();
            }
            else
            {
                Console.WriteLine("microphone: " + npc.Microphone(new byte[16]));
                // longer than it takes until the older connection is given up, or than the pause before another is made
                tellAt = mode == "at_once" ? 250 : 60;
            }
        });
        npc.Perform("give_item", (given, action) => double.NaN);
        npc.Permit(action => true);
        npc.On("say", message => Console.WriteLine("say: " + message["text"]));
        npc.On("turn.end", message => npc.Close());
        npc.OnClosed((reason, again) =>
        {
            Console.WriteLine(again ? "lost" : "closed");
            over = !again;
            if (!again || lost) return;
            lost = true;
            if (mode != "at_once") npc.Close();
            if (mode == "paused") npc.Connect();
        });

        npc.Connect();
        Console.WriteLine("microphone: " + npc.Microphone(new byte[16]));
        if (mode == "early") npc.Close();
        for (var frames = 0; !over && frames < 4000; frames++)
        {
            if (tellAt >= 0 && tellAt-- == 0) npc.Tell("Only talk.");
            npc.Update();
            Thread.Sleep(10);
        }
    }
}
