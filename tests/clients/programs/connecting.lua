-- Connects and leaves in odd moments, over a network that does odd things: lua connecting.lua URL|FOLDER MODE
local here = arg[0]:match("^(.*[/\\])")
local NpcClient = dofile(here .. "../../../assets/clients/lua/npc_client.lua")
local where, mode = arg[1], arg[2]
local PAUSE = 0.02

local function show(...)
  print(...)
  io.stdout:flush()
end

local transport, sleep
local opening -- what would hand over the answer to a hello
if where:match("^http") then
  local http, ltn12, socket = require("socket.http"), require("ltn12"), require("socket")
  sleep = socket.sleep
  local refused = { unanswered = 2, deaf = 1000 }
  local function request(asked, callback)
    if asked.method == "POST" and asked.url:match("/messages$") and (refused[mode] or 0) > 0 then
      refused[mode] = refused[mode] - 1
      return callback(nil, nil)
    end
    local parts, headers = {}, { ["Content-Length"] = asked.body and #asked.body or 0 }
    for name, value in pairs(asked.headers) do headers[name] = value end
    local _, status = http.request {
      method = asked.method, url = asked.url, headers = headers,
      source = ltn12.source.string(asked.body or ""), sink = ltn12.sink.table(parts),
    }
    local function answer() callback(type(status) == "number" and status or nil, table.concat(parts)) end
    if mode == "early" and not opening then opening = answer else answer() end
  end
  transport = NpcClient.http { url = where, request = request, wait = PAUSE }
else
  transport = NpcClient.files { folder = where }
  sleep = function(seconds) os.execute("sleep " .. seconds) end
end

local npc = NpcClient.new { transport = transport }
local welcomes, lost, over = 0, false, false
local tell_in

npc:on("welcome", function()
  show("welcome")
  welcomes = welcomes + 1
  if mode == "odd" then
    npc:tell("Can you mend my sword?")
  elseif mode == "at_once" and welcomes == 1 then
    npc:event("leaving")
    npc:close()
    npc:connect()
  elseif mode == "spoilt" then
    show("sent: " .. tostring(pcall(npc.event, npc, "odd", { number = 0 / 0 })))
    npc:event("before")
    npc:tell("caf\233")
    npc:event("after")
    npc:tell("Only talk.")
  elseif mode == "at_once" or mode == "paused" then
    tell_in = 0.6 -- longer than the first pause before a connection is made again
  else
    npc:tell("Only talk.")
  end
end)
npc:perform("give_item", function() return io.stdout end)
npc:permit(function() return true end)
npc:on("say", function(say) show("say: " .. say.text) end)
npc:on("problem", function(text) show("problem: " .. text) end)
npc:on("turn.end", function() npc:close() end)
npc:on("closed", function(reason, again)
  show(again and "lost" or "closed")
  over = not again
  if not again or lost then return end
  lost = true
  if mode == "deaf" then show(reason) end
  if mode ~= "at_once" then npc:close() end
  if mode == "paused" then
    npc:connect()
    over = false
  end
end)

npc:connect()
if mode == "early" then
  npc:close()
  if opening then opening() end
end
local seconds = 0
while not over and seconds < 40 do
  seconds = seconds + PAUSE
  tell_in = tell_in and tell_in - PAUSE
  if tell_in and tell_in <= 0 then
    npc:tell("Only talk.")
    tell_in = nil
  end
  npc:update(PAUSE)
  sleep(PAUSE)
end
