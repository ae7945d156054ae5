-- One player's session with the runtime over HTTP: opened when it is wanted, opened again when it was lost.
local mod = ...
local core = core or minetest
local Link = {}
Link.__index = Link

-- Seconds: the longest poll; between short looks with somebody near, with nobody near (the runtime forgets sessions
-- after 60), and when long polls are used up; and until a lost connection is tried again, at first and at most.
local WAIT, NEAR, SELDOM, OFTEN = 20, 2, 25, 0.3
local PAUSE, LONGEST = 1, 30
-- Seconds in which something is expected after the player did something, and after a character has fallen silent; and
-- for which lines wait for a session. No poll is left open for nothing: the engine needs up to a tenth of a second to
-- begin a request while another one is open.
local EXPECTS, LINGERS, KEEPS = 30, 3, 10
local TIMEOUT, OPENING = 15, 60
local MOST_WAITING = 64
local polls = 0

-- `on`: hello() returns the greeting, opened(), message(message), lost(reason), heard by the owner of the link.
function mod.new_link(on)
	return setmetatable({
		on = on, state = "closed", wanted = false, generation = 0, out = {}, sent = {}, inbox = {}, retry_at = 0,
		pause = PAUSE, poll_at = 0, expects_until = 0,
	}, Link)
end

-- Sends a message, now or as soon as there is a session. `lasting`: it is worth sending in the next session, too.
function Link:send(message, lasting)
	if self.state ~= "open" and not lasting or #self.out >= MOST_WAITING then
		return
	end
	self.out[#self.out + 1] = {text = mod.json(message), lasting = lasting, until_ = mod.now + KEEPS}
	self:expect()
end

-- Something may come soon: ask for it without a pause.
function Link:expect()
	self.expects_until = mod.now + EXPECTS
	self.poll_at = math.min(self.poll_at, mod.now)
end

-- Nothing more will come soon.
function Link:relax()
	self.expects_until = mod.now + LINGERS
end

-- Ends the session, after everything that is still to be sent. Not with DELETE: Minetest 5.6 makes every later request
-- on the same connection a DELETE, too.
function Link:close()
	if self.state == "open" then
		mod.http.request("POST", self.path .. "/messages", self:texts('{"type":"bye"}'), TIMEOUT, function() end)
	end
	self.wanted = false
	self:reset()
end

function Link:reset()
	self.state, self.generation = "closed", self.generation + 1
	self.posting, self.polling = false, false
	local kept = {}
	for _, list in ipairs({self.sent, self.out}) do -- what was on its way when the session was lost has not arrived
		for _, one in ipairs(list) do
			if one.lasting and one.until_ > mod.now then
				kept[#kept + 1] = one
			end
		end
	end
	self.out, self.sent, self.inbox = kept, {}, {}
end

function Link:lose(code)
	self:reset()
	self.retry_at = mod.now + self.pause
	self.pause = math.min(LONGEST, self.pause * 2)
	self.on.lost(code == 0 and "away" or code == 401 and "token" or code == 503 and "full" or code == 404 and "ended"
		or "refused")
end

-- Asks for something in this session, and forgets the answer if the session is another one by then.
function Link:ask(method, path, body, timeout, done)
	local generation = self.generation
	mod.http.request(method, path, body, timeout, function(code, data)
		if self.generation == generation then
			done(code, data)
		end
	end)
end

function Link:open()
	self.state = "opening"
	self:ask("POST", "/v1/sessions", mod.json(self.on.hello()), OPENING, function(code, data)
		local welcome = code == 200 and mod.parse(data) or {}
		if type(welcome.session) ~= "string" then
			return self:lose(code)
		end
		self.state, self.pause = "open", PAUSE
		self.path, self.after = "/v1/sessions/" .. welcome.session, tonumber(welcome.seq) or 0
		local waiting = self.out
		self.out = {}
		self.on.opened(welcome)
		for _, one in ipairs(waiting) do
			if one.until_ > mod.now then
				self.out[#self.out + 1] = one
			end
		end
		self:expect()
	end)
end

-- Everything that is to be sent, and perhaps something more, as a JSON list.
function Link:texts(last)
	local texts = {}
	for index, one in ipairs(self.out) do
		texts[index] = one.text
	end
	texts[#texts + 1] = last
	self.out = {}
	return "[" .. table.concat(texts, ",") .. "]"
end

function Link:post()
	self.posting, self.sent = true, self.out
	self:ask("POST", self.path .. "/messages", self:texts(), TIMEOUT, function(code)
		self.posting = false
		if code == 0 or code == 404 or code == 401 or code >= 500 then
			return self:lose(code)
		end
		self.sent = {}
		if code ~= 202 then
			core.log("warning", "[npc_runtime] the runtime refused messages (" .. code .. ")")
		end
	end)
end

function Link:poll()
	local wait = 0
	if mod.now < self.expects_until and polls < mod.settings.polls then
		wait, polls = math.min(WAIT, math.ceil(self.expects_until - mod.now)), polls + 1
	end
	self.polling = true
	local query = ("%s/messages?after=%d&wait=%d"):format(self.path, self.after, wait)
	local generation = self.generation
	mod.http.request("GET", query, nil, wait + TIMEOUT, function(code, data)
		polls = polls - (wait > 0 and 1 or 0)
		if self.generation ~= generation then
			return
		end
		self.polling = false
		if code ~= 200 then
			return self:lose(code)
		end
		self.inbox[#self.inbox + 1] = data
		self.poll_at = mod.now
			+ (mod.now < self.expects_until and (wait > 0 and 0 or OFTEN) or self.near and NEAR or SELDOM)
	end)
end

-- Takes in one answer of the runtime, if one is waiting. Returns whether.
function Link:read()
	local data = table.remove(self.inbox, 1)
	for _, message in ipairs(data and mod.parse(data) or {}) do
		if type(message) == "table" and (tonumber(message.seq) or 0) > self.after then
			self.after = tonumber(message.seq)
			mod.safely(self.on.message, message)
		end
	end
	return data ~= nil
end

-- What is due in this step.
function Link:step()
	if self.state == "closed" then
		if self.wanted and mod.now >= self.retry_at then
			self:open()
		end
	elseif self.state == "open" then
		if #self.out > 0 and not self.posting then
			self:post()
		end
		if not self.polling and #self.inbox == 0 and mod.now >= self.poll_at then
			self:poll()
		end
	end
end
