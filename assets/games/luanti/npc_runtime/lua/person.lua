-- The body of a character in the world: stands, turns, shows words and feelings, and is saved with the world.
local mod = ...
local core = core or minetest

-- Character id → the person, of those who are in a part of the world that is loaded.
mod.persons = {}
-- Seconds since the server started.
mod.now = 0

local NAME = "npc_runtime:person"
local THINKS, RESTS = 0.2, 1
local Person = {}

-- Nodes from which somebody is awake; farther away nobody sees whether they are.
local AWAKE = 32

local function anybody_near(pos)
	for _, player in ipairs(core.get_connected_players()) do
		if vector.distance(pos, player:get_pos()) < AWAKE then
			return true
		end
	end
	return false
end

function Person:on_activate(staticdata)
	local kept = staticdata ~= "" and core.deserialize(staticdata, true) or nil
	if type(kept) ~= "table" or not kept.character or mod.persons[kept.character]
			or kept.number ~= mod.storage:get_int("number:" .. kept.character) then
		self.object:remove() -- nobody, or one who has been placed elsewhere since
		return
	end
	self.number = kept.number
	self.character, self.title = kept.character, kept.title or kept.character
	self.goods = mod.goods.open(self.character, kept.goods)
	self.wait = math.random() * THINKS -- not all in the same step
	mod.persons[self.character] = self
	self.object:set_armor_groups({immortal = 1})
	mod.walk.prepare(self)
	if kept.yaw then
		self.object:set_yaw(kept.yaw)
	end
	self:feel("neutral", "normal")
	self:show("")
end

function Person:on_deactivate()
	if mod.persons[self.character] == self then
		mod.persons[self.character] = nil
	end
end

function Person:get_staticdata()
	if not self.character then
		return ""
	end
	local list = {}
	for _, stack in ipairs(self.goods:get_list("main")) do
		if not stack:is_empty() then
			list[#list + 1] = stack:to_string()
		end
	end
	return core.serialize({
		character = self.character, number = self.number, title = self.title, goods = list, yaw = self.object:get_yaw(),
	})
end

function Person:on_step(dtime)
	self.wait = (self.wait or RESTS) - dtime
	if self.wait > 0 or not self.character then
		return
	end
	if self.shown ~= "" and mod.now >= self.until_ then
		self:show("")
	end
	if self.task then
		self.wait = THINKS
		mod.walk.think(self)
		return
	end
	local pos = self.object:get_pos()
	local partner = self.partner and core.get_player_by_name(self.partner)
	if partner and vector.distance(pos, partner:get_pos()) <= mod.settings.hearing then
		self.wait = THINKS
		self:face(partner:get_pos())
	else
		self.wait = anybody_near(pos) and 2 * THINKS or RESTS
	end
	mod.walk.go(self, nil, 0)
end

function Person:on_punch(puncher)
	if puncher and puncher:is_player() then
		mod.talk.happened(puncher:get_player_name(), self, "struck", {})
	end
	return true
end

function Person:on_rightclick(clicker)
	if clicker and clicker:is_player() then
		mod.attention.turn(clicker:get_player_name(), self)
	end
end

-- Turns to a place.
function Person:face(pos)
	local direction, length = mod.walk.level(self.object:get_pos(), pos)
	local yaw = core.dir_to_yaw(direction)
	if length > 0.1 and math.abs((yaw - self.object:get_yaw() + math.pi) % (2 * math.pi) - math.pi) > 0.05 then
		self.object:set_yaw(yaw)
	end
end

-- Shows words above the head for as long as they take to read.
function Person:show(words)
	self.shown, self.until_ = words, mod.now + mod.text.seconds(words)
	local tag = words == "" and self.title or self.title .. "\n" .. mod.text.wrap(words)
	self.object:set_properties({nametag = tag})
end

-- Adds a clause of a reply to what is shown, or begins with it. `reply`: tells replies apart.
function Person:say(words, reply)
	self:show(self.reply == reply and self.shown ~= "" and self.shown .. " " .. words or words)
	self.reply = reply
end

-- Thinks, until something is said.
function Person:ponder()
	self.reply = nil
	self:show("…")
end

-- Looks like somebody who feels this.
function Person:feel(label, strength)
	self.object:set_properties({textures = mod.look.textures(self.character, label, strength)})
end

function Person:rename(title)
	if self.title ~= title then
		self.title = title
		self:show(self.shown)
	end
end

Person.initial_properties = {
	visual = "mesh",
	mesh = "npc_runtime_person.obj",
	textures = mod.look.textures("", "neutral", "normal"),
	visual_size = {x = 1, y = 1},
	physical = true,
	collide_with_objects = false,
	collisionbox = {-0.3, 0, -0.3, 0.3, 1.75, 0.3},
	selectionbox = {-0.3, 0, -0.3, 0.3, 1.75, 0.3},
	stepheight = 1.1,
	hp_max = 20,
	nametag_color = "#ffffff",
	makes_footstep_sound = true,
	static_save = true,
}
core.register_entity(NAME, Person)

-- From now on there is only one of a character: who is placed next, or nobody. Returns its number.
local function renumber(character)
	local key = "number:" .. character
	mod.storage:set_int(key, mod.storage:get_int(key) + 1)
	return mod.storage:get_int(key)
end

-- Places a character at a position; whoever is in the world already comes there. Returns the person, or nil.
function mod.place(character, title, pos, yaw)
	local there = mod.persons[character]
	if there then
		mod.walk.stop(there)
		there.object:set_pos(pos)
		there:rename(title)
		return there
	end
	local kept = {character = character, number = renumber(character), title = title, yaw = yaw}
	core.add_entity(pos, NAME, core.serialize(kept))
	return mod.persons[character]
end

-- Takes a person out of the world.
function mod.remove(person)
	renumber(person.character)
	mod.persons[person.character] = nil
	person.object:remove()
end
