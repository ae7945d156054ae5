-- A game's side of the npc-runtime protocol in Lua: one file, Lua 5.1 to 5.4 and LuaJIT, nothing else needed.
--
--   local npc = NpcClient.new { transport = NpcClient.http { request = my_request }, hello = { player = { id = "p1" } } }
--   npc:on("welcome", function() npc:talk("brynja") npc:tell("Can you mend my sword?") end)
--   npc:on("say", function(say) show(say.text) end)
--   npc:perform("give_item", function(args) give(args.item) end)
--   npc:connect()
--   … and in every frame, or ten times a second: npc:update(seconds_since_the_last_time)
--
-- A game in Lua can rarely open a WebSocket, so the transport is given: `NpcClient.http` needs a function that makes HTTP
-- requests, `NpcClient.files` needs only files (a mailbox), and anything with open, send, update and close will do.

local NpcClient = {}
NpcClient.__index = NpcClient

-- What an action returns that takes time; the game calls `result` when it is over.
NpcClient.LATER = {}
-- What an action returns that the game will not do: `return NpcClient.REFUSED, "The shop is closed."`
NpcClient.REFUSED = {}

local FIRST_WAIT, LONGEST_WAIT = 0.5, 8

------------------------------------------------------------------------------------------------------------------------
-- JSON

local json = {}
local DEEPEST = 64
local list_mark = {}
local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

-- A table that is written as a list even when it is empty.
function json.list(items)
  return setmetatable(items or {}, list_mark)
end

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(letter)
    if letter == '"' or letter == "\\" then return "\\" .. letter end
    return string.format("\\u%04x", letter:byte())
  end) .. '"'
end

local function written(value, out, depth)
  local kind = type(value)
  if kind == "string" then
    out[#out + 1] = quoted(value)
  elseif kind == "number" then
    if value ~= value or value - value ~= 0 then error("JSON has no such number") end
    local whole = value == math.floor(value) and math.abs(value) < 2 ^ 53
    out[#out + 1] = whole and string.format("%d", value) or (string.format("%.17g", value):gsub(",", "."))
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif kind ~= "table" or depth > DEEPEST then
    error("JSON has no " .. (kind == "table" and "table this deep" or kind))
  elseif value[1] ~= nil or getmetatable(value) == list_mark then
    for index = 1, #value do
      out[#out + 1] = index == 1 and "[" or ","
      written(value[index], out, depth + 1)
    end
    out[#out + 1] = #value == 0 and "[]" or "]"
  else
    local separator = "{"
    for key, item in pairs(value) do
      out[#out + 1] = separator .. quoted(tostring(key)) .. ":"
      written(item, out, depth + 1)
      separator = ","
    end
    out[#out + 1] = separator == "{" and "{}" or "}"
  end
end

function json.encode(value)
  local out = {}
  written(value, out, 0)
  return table.concat(out)
end

local function utf8_of(code)
  if code < 0x80 then return string.char(code) end
  local tail = ""
  local first = 0x40
  while code >= first do
    tail = string.char(0x80 + code % 0x40) .. tail
    code = math.floor(code / 0x40)
    first = first == 0x40 and 0x20 or first / 2
  end
  return string.char(0x100 - first * 2 + code) .. tail
end

local function text_at(text, at)
  local parts = {}
  while true do
    local stop = text:find('["\\]', at)
    if not stop then error("a text does not end") end
    parts[#parts + 1] = text:sub(at, stop - 1)
    if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
    local letter = text:sub(stop + 1, stop + 1)
    at = stop + 2
    if letter == "u" then
      local code = tonumber(text:match("^%x%x%x%x", at) or error("an unknown escape"), 16)
      at = at + 4
      local low = code >= 0xD800 and code < 0xDC00 and text:match("^\\u([Dd][C-Fc-f]%x%x)", at)
      if low then
        code = 0x10000 + (code - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00
        at = at + 6
      end
      parts[#parts + 1] = utf8_of(code)
    else
      parts[#parts + 1] = escapes[letter] or error("an unknown escape")
    end
  end
end

local value_at

local function items_at(text, at, close, depth, take)
  at = text:match("^%s*()", at)
  if text:sub(at, at) == close then return at + 1 end
  while true do
    at = text:match("^%s*()", take(at, depth + 1))
    local letter = text:sub(at, at)
    at = text:match("^%s*()", at + 1)
    if letter == close then return at end
    if letter ~= "," then error("a comma is missing") end
  end
end

function value_at(text, at, depth)
  if depth > DEEPEST then error("too deep") end
  at = text:match("^%s*()", at)
  local letter = text:sub(at, at)
  if letter == '"' then return text_at(text, at + 1) end
  local found = {}
  if letter == "{" then
    return found, items_at(text, at + 1, "}", depth, function(here, below)
      local key, after = text_at(text, text:match('^"()', here) or error("a name is missing"))
      local item
      item, after = value_at(text, text:match("^%s*:()", after) or error("a colon is missing"), below)
      found[key] = item
      return after
    end)
  elseif letter == "[" then
    local count = 0
    return found, items_at(text, at + 1, "]", depth, function(here, below)
      local item, after = value_at(text, here, below)
      count = count + 1
      found[count] = item
      return after
    end)
  end
  local word = text:match("^%a+", at)
  if word == "true" or word == "false" then return word == "true", at + #word end
  if word == "null" then return nil, at + 4 end
  local digits = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at) or error("a value is missing")
  -- tonumber goes by the locale, which may have a comma
  return tonumber(digits) or tonumber((digits:gsub("%.", ","))) or error("not a number"), at + #digits
end

-- The value of a JSON text; null is nil. An error if it is not JSON.
function json.decode(text)
  local value, at = value_at(text, 1, 0)
  if text:find("%S", at) then error("more after the end") end
  return value
end

NpcClient.json = json

------------------------------------------------------------------------------------------------------------------------
-- Audio inside JSON

local LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- The bytes of a base64 text.
function NpcClient.base64(text)
  local values, out = {}, {}
  for at = 1, 64 do values[LETTERS:sub(at, at)] = at - 1 end
  for a, b, c, d in text:gmatch("(%S)(%S)(%S)(%S)") do
    local bits = (values[a] or 0) * 0x40000 + (values[b] or 0) * 0x1000 + (values[c] or 0) * 0x40 + (values[d] or 0)
    local bytes = string.char(math.floor(bits / 0x10000), math.floor(bits / 0x100) % 0x100, bits % 0x100)
    out[#out + 1] = c == "=" and bytes:sub(1, 1) or d == "=" and bytes:sub(1, 2) or bytes
  end
  return table.concat(out)
end

------------------------------------------------------------------------------------------------------------------------
-- The client

-- options: transport; hello (player, audio, visemes, face, save); reconnect (true unless given).
function NpcClient.new(options)
  local self = setmetatable({}, NpcClient)
  self.transport = options.transport
  self.hello = options.hello or {}
  self.reconnect = options.reconnect ~= false
  self.welcome = nil -- what the runtime said in its welcome, while there is a session
  self.handlers, self.actions = {}, {}
  self.permission = function() return false end
  self.wait, self.left = FIRST_WAIT, nil
  return self
end

-- Call a function for every message of a type (say, emotion, turn.end, …; * for all of them), and for audio (message, pcm or
-- nil), problem (text: something could not be understood) and closed (reason, whether it connects again). `welcome` comes
-- after every connect, the first and later ones: describe the scene there.
function NpcClient:on(kind, handler)
  self.handlers[kind] = self.handlers[kind] or {}
  table.insert(self.handlers[kind], handler)
end

-- How an action is done: handler(args, action). What it returns is its result, its error says why it failed; it may return
-- LATER, or REFUSED and why. `*` stands for every action without a handler of its own.
function NpcClient:perform(name, handler) self.actions[name] = handler end

-- Whether an action that asks first may be done: handler(action). Nothing may unless you say so.
function NpcClient:permit(handler) self.permission = handler end

-- Connect, and stay connected until `close`. An older connection says goodbye, and nothing more of it is handed out.
function NpcClient:connect()
  local life = {}
  self.life = life
  local function present(act)
    return function(...)
      if self.life == life then act(self, ...) end
    end
  end
  if self.open and self.wanted then self.transport:close() end
  self.wanted, self.left, self.welcome = true, nil, nil
  local hello = { type = "hello", protocol = 1, client = { name = "npc_client.lua", version = "1" } }
  for key, value in pairs(self.hello) do hello[key] = value end
  self.open = true
  self.transport:open(hello,
    present(self.receive),
    present(self.lost),
    present(function(_, text) self:emit("problem", text) end))
end

-- Hand out what has arrived. Call it all the time, also after `close`, until `closed`.
function NpcClient:update(seconds)
  if self.open then
    self.transport:update(seconds)
  elseif self.left then
    self.left = self.left - seconds
    if self.left <= 0 then self:connect() end
  end
end

-- Say goodbye; `closed` follows.
function NpcClient:close()
  self.wanted, self.left = false, nil
  if self.open then self.transport:close() else self:lost("closed") end
end

-- Send any message of the protocol. Returns whether there is a session to take it. An error if JSON has no such value.
function NpcClient:send(kind, fields)
  if not self.welcome then return false end
  local message = {}
  for key, value in pairs(fields or {}) do message[key] = value end
  message.type = kind
  self.transport:send(message)
  return true
end

-- What is around the player: location, time, facts, entities ({ id, name, tags, distance }), characters ({ id, distance }).
function NpcClient:scene(scene) return self:send("scene", scene) end
function NpcClient:update_scene(changes) return self:send("scene.update", changes) end
function NpcClient:talk(character) return self:send("talk.start", { character = character }) end
function NpcClient:leave(character) return self:send("talk.stop", { character = character }) end
-- The player says something in writing.
function NpcClient:tell(text, to) return self:send("player.text", { text = text, to = to }) end
-- Something happened in the game.
function NpcClient:event(name, params, to) return self:send("game.event", { name = name, params = params, to = to }) end
-- How an action went, for those that return LATER: status is done, failed or refused.
function NpcClient:result(id, status, result, message)
  return self:send("action.result", { id = id, status = status, result = result, message = message })
end
-- How much of a turn the player has heard.
function NpcClient:played(turn, milliseconds, done)
  return self:send("playback", { turn = turn, played_ms = milliseconds, done = done or false })
end
function NpcClient:interrupt(turn) return self:send("interrupt", { turn = turn }) end
function NpcClient:save(slot) return self:send("save", { slot = slot }) end
function NpcClient:load(slot) return self:send("load", { slot = slot }) end

function NpcClient:receive(message)
  if type(message) ~= "table" or type(message.type) ~= "string" then
    return self:emit("problem", "not understood: a message without a type")
  end
  if message.type == "welcome" then
    self.welcome, self.wait = message, FIRST_WAIT
  end
  self:emit("*", message)
  self:emit(message.type, message)
  if message.type == "speech.audio" then
    self:emit("audio", message, message.pcm_base64 and NpcClient.base64(message.pcm_base64))
  elseif message.type == "action" then
    self:act(message)
  end
end

function NpcClient:act(action)
  if action.needs_confirm then
    -- A question, not yet a deed: once it is allowed, the same action comes again without needs_confirm.
    local ok, allow = pcall(self.permission, action)
    if not ok then self:emit("problem", "the handler of permit failed: " .. tostring(allow)) end
    self:send("action.confirm", { id = action.id, allow = ok and allow == true })
    return
  end
  local handler = self.actions[action.name] or self.actions["*"]
  local ok, result, why = false, "This game cannot do " .. tostring(action.name) .. ".", nil
  if handler then ok, result, why = pcall(handler, action.args, action) end
  if ok and result == NpcClient.LATER then return end
  local sent, problem = true, nil
  if not ok then
    self:result(action.id, "failed", nil, tostring(result))
  elseif result == NpcClient.REFUSED then
    self:result(action.id, "refused", nil, why and tostring(why))
  elseif action.needs_result or result ~= nil then
    sent, problem = pcall(self.result, self, action.id, "done", result)
  end
  if not sent then self:result(action.id, "failed", nil, "The result cannot be sent: " .. tostring(problem)) end
end

function NpcClient:lost(reason)
  self.open, self.welcome = false, nil
  local again = self.wanted and self.reconnect or false
  if again then
    self.left = self.wait
    self.wait = math.min(self.wait * 2, LONGEST_WAIT)
  end
  self:emit("closed", reason, again)
end

-- A handler that fails must not keep the others from their messages.
function NpcClient:emit(kind, ...)
  for _, handler in ipairs(self.handlers[kind] or {}) do
    local ok, why = pcall(handler, ...)
    if not ok and kind == "problem" then error(why, 0) end
    if not ok then self:emit("problem", "the handler of " .. kind .. " failed: " .. tostring(why)) end
  end
end

------------------------------------------------------------------------------------------------------------------------
-- Transports. Each has open(hello, on_message, on_closed, on_problem), send(message), update(seconds) and close().

local FAILURES = 3
local REST = 0.2 -- seconds between a request without an answer and the next

local Http = {}
Http.__index = Http

-- Long polling over HTTP. options:
--   request   function(request, callback): request has method, url, headers, body; callback(status, body) is called now or
--             later, once; status is nil when the runtime could not be reached
--   url       http://127.0.0.1:8910 unless given
--   token     what the runtime was started with, if it listens beyond this machine
--   wait      seconds that the runtime may keep a request until there is something: 20 unless given; little if `request` blocks
--   json      encode and decode; this file's own unless given
function NpcClient.http(options)
  local self = setmetatable({}, Http)
  self.request = options.request
  self.url = (options.url or "http://127.0.0.1:8910"):gsub("/$", "")
  self.wait = options.wait or 20
  self.json = options.json or json
  self.headers = { ["Content-Type"] = "application/json" }
  if options.token then self.headers.Authorization = "Bearer " .. options.token end
  return self
end

-- Make a request. What comes for an older connection than the present one goes to `late`, or is dropped.
function Http:ask(method, path, body, callback, late)
  local life = self.life
  self.request({ method = method, url = self.url .. path, headers = self.headers, body = body }, function(status, text)
    local present = self.life == life and callback or late
    if not present then return end
    local ok, value = pcall(self.json.decode, text or "")
    present(status, ok and value or nil, ok)
  end)
end

function Http:open(hello, on_message, on_closed, on_problem)
  if self.session then self:leave() end
  self.life = {}
  self.on_message, self.on_closed, self.on_problem = on_message, on_closed, on_problem
  self.session, self.queue, self.after = nil, {}, 0
  self.polling, self.posting, self.ending, self.singly, self.rest = false, false, false, 0, 0
  self.failures = { GET = 0, POST = 0 }
  self:ask("POST", "/v1/sessions", self.json.encode(hello), function(status, welcome)
    welcome = type(welcome) == "table" and welcome or {}
    if status ~= 200 or not welcome.session then
      return self:over(welcome.message or "the runtime cannot be reached")
    end
    self.session, self.after = welcome.session, welcome.seq
    self.on_message(welcome)
  end, function(_, welcome)
    -- Nobody wants it any more; the runtime would keep it for a while.
    if type(welcome) == "table" and welcome.session then self:ask("DELETE", "/v1/sessions/" .. welcome.session) end
  end)
end

-- A message is made into JSON at once: whoever gives one that cannot be is told so, and nothing else is lost with it.
function Http:send(message) self.queue[#self.queue + 1] = self.json.encode(message) end

function Http:close()
  if not self.session then return self:over("closed") end
  self.ending = true
end

-- Say goodbye; what still waits goes first.
function Http:leave()
  local path = "/v1/sessions/" .. self.session
  if #self.queue > 0 then self:ask("POST", path .. "/messages", "[" .. table.concat(self.queue, ",") .. "]") end
  self:ask("DELETE", path)
end

function Http:over(reason)
  self.life, self.session = nil, nil
  self.on_closed(reason)
end

function Http:update(seconds)
  if not self.session then return end
  self.rest = self.rest - seconds
  if self.rest > 0 then return end
  if not self.posting and #self.queue > 0 then
    self:post()
  elseif self.ending and not self.posting then
    self:leave()
    return self:over("closed")
  end
  if self.session and not self.polling then
    self.polling = true
    local path = "/v1/sessions/" .. self.session .. "/messages?after=" .. self.after .. "&wait=" .. self.wait
    self:ask("GET", path, nil, function(...) self:polled(...) end)
  end
end

-- Send what waits: all of it, or one by one what was refused together, so that one message spoils no other.
function Http:post()
  local batch, later = {}, {}
  for index, text in ipairs(self.queue) do
    local into = (self.singly == 0 or index == 1) and batch or later
    into[#into + 1] = text
  end
  self.queue, self.posting = later, true
  self:ask("POST", "/v1/sessions/" .. self.session .. "/messages", "[" .. table.concat(batch, ",") .. "]", function(...)
    self:posted(batch, ...)
  end)
end

function Http:posted(batch, status, answer)
  self.posting = false
  if status == 404 then return self:over("the session is gone") end
  local unread = not status or status == 408 or status >= 500
  local spoilt = (status == 400 or status == 413) and #batch > 1
  if unread or spoilt then
    for _, text in ipairs(self.queue) do batch[#batch + 1] = text end
    self.queue = batch
    if unread then return self:failed("POST") end
    self.singly = #batch
    return
  end
  self.failures.POST, self.singly = 0, math.max(0, self.singly - 1)
  if status ~= 202 then
    local why = type(answer) == "table" and answer.message or "status " .. status
    self.on_problem("the runtime refused a message: " .. tostring(why))
  end
end

-- There was no answer to a request.
function Http:failed(method)
  self.failures[method], self.rest = self.failures[method] + 1, REST
  if self.failures[method] >= FAILURES then self:over("the runtime cannot be reached") end
end

function Http:polled(status, messages, is_json)
  self.polling = false
  if status == 404 then return self:over("the session is gone") end
  if status ~= 200 or not is_json then
    if status == 200 then self.on_problem("not understood: an answer that is not JSON") end
    return self:failed("GET")
  end
  self.failures.GET = 0
  local life = self.life
  for _, message in ipairs(messages) do
    if type(message) == "table" and type(message.seq) == "number" then self.after = message.seq end
    self.on_message(message)
    if self.life ~= life then return end
  end
end

local Files = {}
Files.__index = Files

local AT_ONCE = 64
local ANSWER_SECONDS = 10

local function read_file(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

local function write_file(path, text)
  local file = io.open(path, "wb")
  if not file then return end
  file:write(text)
  file:close()
end

-- A mailbox: `npc-runtime serve --mailbox DIR`. options:
--   folder    DIR/game, which is there from the start, or another folder in DIR with folders `in` and `out`
--   read, write, rename   function(path), function(path, text), function(from, to); Lua's own io and os unless given
--   json      encode and decode; this file's own unless given
function NpcClient.files(options)
  local self = setmetatable({}, Files)
  self.folder = options.folder
  self.read = options.read or read_file
  self.write = options.write or write_file
  self.rename = options.rename or os.rename
  self.json = options.json or json
  self.written = 0 -- of all its connections: a hello must not get in front of the goodbye of the one before
  return self
end

function Files:open(hello, on_message, on_closed, on_problem)
  self.hello, self.on_message, self.on_closed, self.on_problem = hello, on_message, on_closed, on_problem
  self.seen, self.welcomed, self.rejected = 0, false, nil
  self.patience, self.checked = ANSWER_SECONDS, 0
  self:put(self:out(1), "") -- what an earlier run may have left
  self:send(hello)
end

function Files:out(number) return string.format("%s/out/%06d.json", self.folder, number) end

-- Write under another name and rename: the runtime never sees half a file.
function Files:put(path, text)
  self.write(path .. ".tmp", text)
  if not self.rename(path .. ".tmp", path) then self.write(path, text) end -- some systems do not rename onto a file
end

function Files:send(message)
  local text = self.json.encode(message)
  self.written = self.written + 1
  self:put(string.format("%s/in/%06d.json", self.folder, self.written), text)
end

function Files:close()
  self:send({ type = "bye" })
  if not self.welcomed then self.on_closed("closed") end
end

function Files:update(seconds)
  local before = self.seen
  for _ = 1, AT_ONCE do
    local text = self.read(self:out(self.seen + 1))
    if not text or text == "" or text == self.rejected then break end
    local ok, message = pcall(self.json.decode, text)
    if ok and type(message) == "table" and message.type == "welcome" then self.welcomed = true end
    -- Until there is a session the first file is that of another one, or says why there is none.
    if self.welcomed then self.seen = self.seen + 1 else self.rejected = text end
    if ok then self.on_message(message) else self.on_problem("not understood: " .. tostring(message)) end
    if ok and type(message) == "table" and message.fatal then return self.on_closed(message.message) end
  end
  if self.seen > before then return self:put(self.folder .. "/read.txt", tostring(self.seen)) end
  if not self.welcomed then
    self.patience = self.patience - seconds
    if self.patience <= 0 then
      self.patience = ANSWER_SECONDS
      self:send(self.hello)
    end
    return
  end
  self.checked = self.checked + seconds
  if self.checked >= 0.5 then
    self.checked = 0
    local ok, status = pcall(self.json.decode, self.read(self.folder .. "/status.json") or "")
    if ok and status.open == false then self.on_closed(status.reason or "") end
  end
end

return NpcClient
