-- Everything a game does with a character, in one go: lua example.lua [http://127.0.0.1:8910 | DIR/game]
-- The first way needs LuaSocket (lua-socket); the second a runtime that was started with `--mailbox DIR`, and nothing else.
local here = arg[0]:match("^(.*[/\\])") or "./"
local NpcClient = dofile(here .. "npc_client.lua")

local LINE = "Can you mend my sword? Grüße, 剣!"
local MORE = "Tell me about the mine."
local PAUSE = 0.02

local where = arg[1] or "http://127.0.0.1:8910"
local transport, sleep
if where:match("^http") then
  local http, ltn12, socket = require("socket.http"), require("ltn12"), require("socket")
  sleep = socket.sleep
  -- A game would make requests that do not block, and would let the runtime wait for longer.
  local function request(asked, callback)
    local parts, headers = {}, { ["Content-Length"] = asked.body and #asked.body or 0 }
    for name, value in pairs(asked.headers) do headers[name] = value end
    local _, status = http.request {
      method = asked.method, url = asked.url, headers = headers,
      source = ltn12.source.string(asked.body or ""), sink = ltn12.sink.table(parts),
    }
    callback(type(status) == "number" and status or nil, table.concat(parts))
  end
  transport = NpcClient.http { url = where, request = request, wait = PAUSE }
else
  transport = NpcClient.files { folder = where }
  sleep = function(seconds) -- a game has frames instead
    if package.config:sub(1, 1) == "/" then return os.execute("sleep " .. seconds) end
    local stop = os.clock() + seconds -- Windows has no such command, and its clock goes on while a program waits
    repeat until os.clock() >= stop
  end
end

local npc = NpcClient.new {
  transport = transport,
  hello = { player = { id = "tamsin", name = "Tamsin" }, audio = { out = "file", rate = 22050 }, visemes = "oculus" },
}
local asked, told -- the turns that answer LINE and MORE
local over = false

local function show(...)
  print(...)
  io.stdout:flush()
end

npc:on("welcome", function(welcome)
  asked, told = nil, nil
  local names = {}
  for index, character in ipairs(welcome.characters) do names[index] = character.name end
  show("connected: " .. table.concat(names, ", "))
  npc:scene {
    location = "smithy",
    entities = {
      { id = "iron_sword", name = "iron sword", tags = { "weapon" }, distance = 1 },
      { id = "oak_shield", name = "oak shield", tags = { "armor" }, distance = 2.5 },
    },
    characters = { { id = "brynja", distance = 1.5, looking_at_player = true } },
  }
  npc:talk("brynja")
  npc:tell(LINE, "brynja")
end)

npc:on("turn.begin", function(turn)
  if turn.reply_to == LINE then asked = turn.turn end
  if turn.reply_to == MORE then told = turn.turn end
end)
npc:on("say", function(say)
  show("subtitle: " .. say.text)
  if say.turn == told then npc:interrupt(told) end
end)
npc:on("visemes", function(visemes) show("mouth: " .. #visemes.frames .. " shapes") end)
npc:on("audio", function(audio)
  local file = assert(io.open(audio.path, "rb")) -- a game plays it
  local samples = (file:seek("end") - 44) / 2
  file:close()
  show(string.format("sound: %d samples", samples))
  npc:played(audio.turn, audio.start_ms + samples / audio.rate * 1000) -- a game says this when it has played them
end)
npc:on("speech.stop", function() show("stop playing") end)
npc:on("event", function(event) show("event: " .. event.name) end)
npc:on("turn.end", function(turn)
  show("turn: " .. turn.reason)
  if turn.turn == asked then
    npc:event("storm_begins", { strength = 3 })
    npc:tell(MORE, "brynja")
  elseif turn.turn == told then
    npc:save("first")
  end
end)

npc:perform("give_item", function(args)
  show("action: give " .. args.item)
  return "gave " .. args.item
end)
npc:perform("open_door", function() show("action: open the door") end)
npc:permit(function(action) return action.name == "open_door" end)

npc:on("saved", function(saved) npc:load(saved.slot) end)
npc:on("loaded", function(loaded)
  show("saved and loaded: " .. loaded.slot)
  npc:close()
end)
npc:on("error", function(problem) show("error: " .. problem.code) end)
npc:on("problem", function() show("problem") end)
npc:on("closed", function(_, again)
  show(again and "connection lost" or "closed")
  over = not again
end)

npc:connect()
local seconds = 0
while not over do
  seconds = seconds + PAUSE
  if seconds > 60 then npc:close() end
  npc:update(PAUSE)
  sleep(PAUSE)
end
