// A game's side of the npc-runtime protocol in C#: one file, .NET Standard 2.0 (Unity, Godot .NET, MonoGame, BepInEx), no packages.
//
//   var npc = new NpcClient { Hello = { ["player"] = Json.Map("id", "p1", "name", "Tamsin") } };
//   npc.On("welcome", m => { npc.Talk("brynja"); npc.Tell("Can you mend my sword?"); });
//   npc.On("say", m => subtitle.text = (string)m["text"]);
//   npc.Perform("give_item", (args, action) => Inventory.Give((string)args["item"]));
//   npc.Connect();
//   … and in every frame: npc.Update();
//
// The network is read and written in the background; every handler runs inside Update, on the game's own thread.
// JSON is plain: Dictionary<string, object>, List<object>, string, double, bool, null.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Net.WebSockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace NpcRuntime
{
    /// <summary>Throw this in an action to say that the game will not do it.</summary>
    public class RefusedException : Exception
    {
        public RefusedException(string message) : base(message) { }
    }

    /// <summary>One player.</summary>
    public sealed class NpcClient : IDisposable
    {
        /// <summary>Return this from an action that takes time, and call Result when it is over.</summary>
        public static readonly object Later = new object();

        /// <summary>Fields of the hello: player, audio, visemes, face, save.</summary>
        public Dictionary<string, object> Hello { get; } = new Dictionary<string, object>();

        /// <summary>Whether to connect again when the runtime is gone.</summary>
        public bool Reconnect { get; set; } = true;

        /// <summary>What the runtime said in its welcome; null while there is no session.</summary>
        public Dictionary<string, object> Welcome { get; private set; }

        const int FirstWait = 500, LongestWait = 8000;

        readonly Uri url;
        readonly string token;
        readonly Dictionary<string, Action<Dictionary<string, object>>> handlers = new Dictionary<string, Action<Dictionary<string, object>>>();
        readonly Dictionary<string, Func<Dictionary<string, object>, Dictionary<string, object>, object>> actions =
            new Dictionary<string, Func<Dictionary<string, object>, Dictionary<string, object>, object>>();
        readonly ConcurrentQueue<Action> arrived = new ConcurrentQueue<Action>();
        readonly object gate = new object();
        Func<Dictionary<string, object>, bool> permit = action => false;
        Action<Dictionary<string, object>, byte[]> audio;
        Action<string> problem;
        Action<string, bool> closed;
        Stay stay;

        /// <param name="url">Where the runtime listens.</param>
        /// <param name="token">What the runtime was started with, if it listens beyond this machine.</param>
        public NpcClient(string url = "ws://127.0.0.1:8910/v1/ws", string token = null)
        {
            this.url = new Uri(url);
            this.token = token;
        }

        // ---- what the game wants to know ----

        /// <summary>Call a function for every message of a type ("say", "emotion", "turn.end", …; "*" for all of them).
        /// "welcome" comes after every connect, the first and later ones: describe the scene there.</summary>
        public void On(string type, Action<Dictionary<string, object>> handler)
        {
            handlers.TryGetValue(type, out var before);
            handlers[type] = before + handler;
        }

        /// <summary>Audio: the message (rate, turn, clause, start_ms, last) and its 16-bit mono samples, little-endian.</summary>
        public void OnAudio(Action<Dictionary<string, object>, byte[]> handler) => audio += handler;

        /// <summary>Something could not be understood, or a handler failed.</summary>
        public void OnProblem(Action<string> handler) => problem += handler;

        /// <summary>The connection is gone: why, and whether it is made again.</summary>
        public void OnClosed(Action<string, bool> handler) => closed += handler;

        /// <summary>How an action is done: handler(args, action). What it returns is its result (string, number, bool or
        /// null), what it throws says why it failed. "*" stands for every action without a handler of its own.</summary>
        public void Perform(string name, Func<Dictionary<string, object>, Dictionary<string, object>, object> handler) => actions[name] = handler;

        /// <summary>Whether an action that asks first may be done. Nothing may unless you say so.</summary>
        public void Permit(Func<Dictionary<string, object>, bool> handler) => permit = handler;

        // ---- the connection ----

        /// <summary>Connect, and stay connected until Close. An older connection says goodbye, and nothing more of it is handed out.</summary>
        public void Connect()
        {
            Close();
            Welcome = null;
            var mine = stay = new Stay();
            Task.Run(() => Live(mine));
        }

        /// <summary>Hand out what has arrived. Call it in every frame.</summary>
        public void Update()
        {
            for (var left = arrived.Count; left > 0 && arrived.TryDequeue(out var next); left--) next();
        }

        /// <summary>Say goodbye; the closed handlers are called by a later Update.</summary>
        public void Close()
        {
            if (stay == null) return;
            stay.Wanted = false;
            if (Send("bye")) stay.End.CancelAfter(2000); // the runtime closes as soon as it has the goodbye
            else stay.End.Cancel();
        }

        public void Dispose()
        {
            if (stay == null) return;
            stay.Wanted = false;
            stay.End.Cancel();
        }

        /// <summary>Send any message of the protocol, with its fields as name, value, name, value. Returns whether there is a
        /// session to take it. Fields that are null are left out.</summary>
        /// <exception cref="NotSupportedException">JSON has no such value.</exception>
        public bool Send(string type, params object[] fields)
        {
            var message = Json.Map(fields);
            message["type"] = type;
            return Put(stay, new Frame(WebSocketMessageType.Text, Encoding.UTF8.GetBytes(Json.Write(message))));
        }

        // ---- what the game has to say (CONTRACT 4.1) ----

        /// <summary>What is around the player, as name, value, …: location, time, facts, entities (a list of Json.Map("id", …,
        /// "name", …, "tags", …, "distance", …)), characters.</summary>
        public bool Scene(params object[] fields) => Send("scene", fields);
        public bool UpdateScene(params object[] fields) => Send("scene.update", fields);
        public bool Talk(string character) => Send("talk.start", "character", character);
        public bool Leave(string character) => Send("talk.stop", "character", character);
        /// <summary>The player says something in writing.</summary>
        public bool Tell(string text, string to = null) => Send("player.text", "text", text, "to", to);
        /// <summary>The player speaks: Listen, then Microphone again and again (16-bit mono), then ListenStop if it was push to talk.</summary>
        public bool Listen(int rate, string mode = "push_to_talk") => Send("listen.start", "rate", rate, "mode", mode);
        public bool Microphone(byte[] pcm) => Put(stay, new Frame(WebSocketMessageType.Binary, pcm));
        public bool ListenStop() => Send("listen.stop");
        /// <summary>Something happened in the game.</summary>
        public bool Event(string name, Dictionary<string, object> parameters = null, string to = null) =>
            Send("game.event", "name", name, "params", parameters, "to", to);
        /// <summary>How an action went, for those that return Later: status is done, failed or refused.</summary>
        public bool Result(string id, string status, object result = null, string message = null) =>
            Send("action.result", "id", id, "status", status, "result", result, "message", message);
        /// <summary>How much of a turn the player has heard.</summary>
        public bool Played(int turn, double milliseconds, bool done = false) =>
            Send("playback", "turn", turn, "played_ms", milliseconds, "done", done);
        public bool Interrupt(int? turn = null) => Send("interrupt", "turn", turn);
        public bool Save(string slot) => Send("save", "slot", slot);
        public bool Load(string slot) => Send("load", "slot", slot);

        // ---- inside: the network, in the background ----

        sealed class Frame
        {
            public readonly WebSocketMessageType Type;
            public readonly byte[] Data;
            public Frame(WebSocketMessageType type, byte[] data) { Type = type; Data = data; }
        }

        /// <summary>What lies between one Connect and its Close. It knows its own end: a later Connect must not revive it.</summary>
        sealed class Stay
        {
            public readonly CancellationTokenSource End = new CancellationTokenSource();
            public volatile bool Wanted = true;
            public Line Line; // under the gate
        }

        /// <summary>One connection: what waits to be sent over it.</summary>
        sealed class Line
        {
            public readonly Queue<Frame> Waiting = new Queue<Frame>();
            public readonly SemaphoreSlim Ready = new SemaphoreSlim(0);
        }

        bool Put(Stay mine, Frame frame)
        {
            lock (gate)
            {
                if (mine?.Line == null) return false;
                mine.Line.Waiting.Enqueue(frame);
                mine.Line.Ready.Release();
                return true;
            }
        }

        /// <summary>Have Update do something, unless the game has connected anew by then.</summary>
        void Arrived(Stay mine, Action act) => arrived.Enqueue(() => { if (stay == mine) act(); });

        void Lost(Stay mine, string reason, bool again) =>
            Arrived(mine, () => { Welcome = null; Guard("closed", () => closed?.Invoke(reason, again)); });

        async Task Live(Stay mine)
        {
            var end = mine.End.Token;
            var wait = FirstWait;
            while (true)
            {
                string reason;
                using (var socket = new ClientWebSocket())
                {
                    if (!string.IsNullOrEmpty(token)) socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
                    try
                    {
                        await socket.ConnectAsync(url, end).ConfigureAwait(false);
                        reason = await Talk(mine, socket, () => wait = FirstWait).ConfigureAwait(false);
                    }
                    catch (Exception error)
                    {
                        reason = error.Message;
                    }
                }
                var again = mine.Wanted && Reconnect;
                Lost(mine, reason, again);
                if (!again) return;
                try { await Task.Delay(wait, end).ConfigureAwait(false); }
                catch (OperationCanceledException)
                {
                    Lost(mine, "closed", false);
                    return;
                }
                wait = Math.Min(wait * 2, LongestWait);
            }
        }

        async Task<string> Talk(Stay mine, ClientWebSocket socket, Action welcomed)
        {
            var end = mine.End.Token;
            var line = new Line();
            var hello = new Dictionary<string, object>(Hello) { ["type"] = "hello", ["protocol"] = 1 };
            if (!hello.ContainsKey("client")) hello["client"] = Json.Map("name", "NpcClient.cs", "version", "1");
            var first = new Frame(WebSocketMessageType.Text, Encoding.UTF8.GetBytes(Json.Write(hello)));
            lock (gate) mine.Line = line;
            Put(mine, first);
            using (var over = CancellationTokenSource.CreateLinkedTokenSource(end))
            {
                var writing = Write(socket, line, over.Token);
                try
                {
                    return await Read(mine, socket, welcomed).ConfigureAwait(false);
                }
                finally
                {
                    lock (gate) mine.Line = null;
                    over.Cancel();
                    await writing.ConfigureAwait(false);
                }
            }
        }

        async Task Write(ClientWebSocket socket, Line line, CancellationToken end)
        {
            try
            {
                while (true)
                {
                    await line.Ready.WaitAsync(end).ConfigureAwait(false);
                    Frame frame;
                    lock (gate) frame = line.Waiting.Dequeue();
                    await socket.SendAsync(new ArraySegment<byte>(frame.Data), frame.Type, true, end).ConfigureAwait(false);
                }
            }
            catch (Exception) { } // the reader finds out, too, and says why
        }

        async Task<string> Read(Stay mine, ClientWebSocket socket, Action welcomed)
        {
            var end = mine.End.Token;
            var buffer = new byte[1 << 16];
            while (true)
            {
                var whole = new MemoryStream();
                WebSocketReceiveResult part;
                do
                {
                    part = await socket.ReceiveAsync(new ArraySegment<byte>(buffer), end).ConfigureAwait(false);
                    whole.Write(buffer, 0, part.Count);
                } while (!part.EndOfMessage);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", end).ConfigureAwait(false);
                    return part.CloseStatusDescription ?? "";
                }
                var data = whole.ToArray();
                var type = part.MessageType;
                try
                {
                    Receive(mine, type, data, welcomed);
                }
                catch (Exception error) when (error is FormatException || error is OverflowException || error is DecoderFallbackException)
                {
                    Arrived(mine, () => problem?.Invoke("not understood: " + error.Message));
                }
            }
        }

        void Receive(Stay mine, WebSocketMessageType type, byte[] data, Action welcomed)
        {
            byte[] pcm = null;
            var length = data.Length;
            var start = 0;
            if (type == WebSocketMessageType.Binary)
            {
                // The length of the header (4 bytes, little-endian), the header as JSON, 16-bit mono samples.
                if (data.Length < 4) throw new FormatException("a short binary message");
                length = data[0] | data[1] << 8 | data[2] << 16 | data[3] << 24;
                start = 4;
                if (length < 0 || length > data.Length - 4) throw new FormatException("a binary message that is cut off");
                pcm = new byte[data.Length - 4 - length];
                Buffer.BlockCopy(data, 4 + length, pcm, 0, pcm.Length);
            }
            var message = Json.Read(new UTF8Encoding(false, true).GetString(data, start, length)) as Dictionary<string, object>;
            object found = null;
            message?.TryGetValue("type", out found);
            var kind = found as string;
            if (kind == null) throw new FormatException("a message without a type");
            if (kind == "welcome") welcomed();
            Arrived(mine, () => HandOut(kind, message, pcm));
        }

        // ---- inside: the game's thread ----

        void HandOut(string type, Dictionary<string, object> message, byte[] pcm)
        {
            if (type == "welcome") Welcome = message;
            foreach (var each in new[] { "*", type })
                if (handlers.TryGetValue(each, out var handler)) Guard(each, () => handler(message));
            if (pcm != null) Guard("audio", () => audio?.Invoke(message, pcm));
            if (type == "action") Guard("action", () => Act(message));
        }

        void Act(Dictionary<string, object> action)
        {
            var id = (string)action["id"];
            var name = (string)action["name"];
            if (true.Equals(action["needs_confirm"]))
            {
                // A question, not yet a deed: once it is allowed, the same action comes again without needs_confirm.
                var allow = false;
                Guard("permit", () => allow = permit(action));
                Send("action.confirm", "id", id, "allow", allow);
                return;
            }
            string status = "done", why = null;
            object result = null;
            try
            {
                if (!actions.TryGetValue(name, out var handler) && !actions.TryGetValue("*", out handler))
                    throw new NotSupportedException("This game cannot do " + name + ".");
                result = handler((Dictionary<string, object>)action["args"], action);
            }
            catch (Exception error)
            {
                status = error is RefusedException ? "refused" : "failed";
                why = error.Message;
            }
            if (result == Later) return;
            if (!true.Equals(action["needs_result"]) && status == "done" && result == null) return;
            try
            {
                Result(id, status, result, why);
            }
            catch (NotSupportedException error)
            {
                Result(id, "failed", null, "The result cannot be sent: " + error.Message);
            }
        }

        /// <summary>A handler that fails must not keep the others from their messages.</summary>
        void Guard(string what, Action act)
        {
            try
            {
                act();
            }
            catch (Exception error)
            {
                problem?.Invoke("the handler of " + what + " failed: " + error.Message);
            }
        }
    }

    /// <summary>JSON as far as the protocol needs it.</summary>
    public static class Json
    {
        const int Deepest = 64;

        /// <summary>An object from name, value, name, value, …; values that are null are left out.</summary>
        public static Dictionary<string, object> Map(params object[] fields)
        {
            var map = new Dictionary<string, object>();
            for (var at = 0; at + 1 < fields.Length; at += 2)
                if (fields[at + 1] != null) map[(string)fields[at]] = fields[at + 1];
            return map;
        }

        /// <exception cref="NotSupportedException">JSON has no such value.</exception>
        public static string Write(object value)
        {
            var text = new StringBuilder();
            Write(text, value);
            return text.ToString();
        }

        /// <exception cref="FormatException">It is not JSON.</exception>
        public static object Read(string text)
        {
            var at = 0;
            var value = Value(text, ref at, 0);
            Space(text, ref at);
            if (at < text.Length) throw new FormatException("more after the end at " + at);
            return value;
        }

        static void Write(StringBuilder text, object value)
        {
            if (value == null) text.Append("null");
            else if (value is bool) text.Append((bool)value ? "true" : "false");
            else if (value is string) Write(text, (string)value);
            else if (value is double && Finite((double)value)) text.Append(((double)value).ToString("R", CultureInfo.InvariantCulture));
            else if (value is float && Finite((float)value)) text.Append(((float)value).ToString("R", CultureInfo.InvariantCulture));
            else if (value is IDictionary<string, object>) Write(text, (IDictionary<string, object>)value);
            else if (value is System.Collections.IEnumerable) Write(text, (System.Collections.IEnumerable)value);
            else if (Whole(value)) text.Append(Convert.ToString(value, CultureInfo.InvariantCulture));
            else throw new NotSupportedException("JSON has no " + value.GetType().Name + " " + value);
        }

        static bool Finite(double number) => !double.IsNaN(number) && !double.IsInfinity(number);

        static bool Whole(object value) =>
            value is int || value is long || value is short || value is byte || value is uint || value is ulong || value is ushort
            || value is sbyte || value is decimal;

        static void Write(StringBuilder text, IDictionary<string, object> map)
        {
            text.Append('{');
            var first = true;
            foreach (var pair in map)
            {
                if (!first) text.Append(',');
                Write(text, pair.Key);
                text.Append(':');
                Write(text, pair.Value);
                first = false;
            }
            text.Append('}');
        }

        static void Write(StringBuilder text, System.Collections.IEnumerable list)
        {
            text.Append('[');
            var first = true;
            foreach (var item in list)
            {
                if (!first) text.Append(',');
                Write(text, item);
                first = false;
            }
            text.Append(']');
        }

        static void Write(StringBuilder text, string words)
        {
            text.Append('"');
            foreach (var letter in words)
            {
                if (letter == '"' || letter == '\\') text.Append('\\').Append(letter);
                else if (letter < ' ' || char.IsSurrogate(letter)) text.Append("\\u").Append(((int)letter).ToString("x4"));
                else text.Append(letter);
            }
            text.Append('"');
        }

        static object Value(string text, ref int at, int depth)
        {
            if (depth > Deepest) throw new FormatException("too deep");
            Space(text, ref at);
            if (at >= text.Length) throw new FormatException("it ends early");
            switch (text[at])
            {
                case '{':
                    var map = new Dictionary<string, object>();
                    for (at++; !Ends(text, ref at, '}', map.Count > 0);)
                    {
                        var key = Words(text, ref at);
                        Space(text, ref at);
                        if (at >= text.Length || text[at++] != ':') throw new FormatException("a colon is missing at " + at);
                        map[key] = Value(text, ref at, depth + 1);
                    }
                    return map;
                case '[':
                    var list = new List<object>();
                    for (at++; !Ends(text, ref at, ']', list.Count > 0);) list.Add(Value(text, ref at, depth + 1));
                    return list;
                case '"': return Words(text, ref at);
                case 't': return Word(text, ref at, "true", true);
                case 'f': return Word(text, ref at, "false", false);
                case 'n': return Word(text, ref at, "null", null);
            }
            var start = at;
            while (at < text.Length && "+-.0123456789eE".IndexOf(text[at]) >= 0) at++;
            return double.Parse(text.Substring(start, at - start), NumberStyles.Float, CultureInfo.InvariantCulture);
        }

        /// <summary>Whether a list ends here; otherwise the next item is due, after a comma unless it is the first.</summary>
        static bool Ends(string text, ref int at, char end, bool comma)
        {
            Space(text, ref at);
            if (at < text.Length && text[at] == end) { at++; return true; }
            if (comma && (at >= text.Length || text[at++] != ',')) throw new FormatException("a comma is missing at " + at);
            Space(text, ref at);
            return false;
        }

        static string Words(string text, ref int at)
        {
            if (at >= text.Length || text[at] != '"') throw new FormatException("a quote is missing at " + at);
            var words = new StringBuilder();
            for (at++; ; at++)
            {
                if (at >= text.Length) throw new FormatException("a text does not end");
                if (text[at] == '"') break;
                if (text[at] != '\\') { words.Append(text[at]); continue; }
                if (++at >= text.Length) throw new FormatException("a text does not end");
                var known = "\"\\/bfnrt".IndexOf(text[at]);
                if (known >= 0) { words.Append("\"\\/\b\f\n\r\t"[known]); continue; }
                if (text[at] != 'u' || at + 4 >= text.Length) throw new FormatException("an unknown escape at " + at);
                words.Append((char)ushort.Parse(text.Substring(at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                at += 4;
            }
            at++;
            return words.ToString();
        }

        static object Word(string text, ref int at, string word, object value)
        {
            if (string.CompareOrdinal(text, at, word, 0, word.Length) != 0) throw new FormatException("an unknown word at " + at);
            at += word.Length;
            return value;
        }

        static void Space(string text, ref int at)
        {
            while (at < text.Length && " \t\r\n".IndexOf(text[at]) >= 0) at++;
        }
    }
}
