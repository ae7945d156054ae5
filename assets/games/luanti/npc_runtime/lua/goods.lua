-- What characters and players own, as items that have a name.
local mod = ...
local core = core or minetest
local goods = {}
mod.goods = goods

local SLOTS = 16
-- What a new character owns: of these what the game knows, otherwise a few things that the game has.
local USUAL = {
	"default:apple 8", "default:torch 20", "default:pick_steel", "default:sword_steel", "farming:bread 5",
	"mcl_core:apple 8", "mcl_torches:torch 20", "mcl_tools:pick_iron", "mcl_tools:sword_iron", "mcl_farming:bread 5",
}
local FEWEST = 3
local MOST_NAMES = 2000

local function shown(definition)
	local groups = definition.groups or {}
	return definition.description and definition.description ~= "" and not groups.not_in_creative_inventory
		and (definition.inventory_image or "") ~= ""
end

local function usual()
	local found = {}
	for _, stack in ipairs(USUAL) do
		if core.registered_items[ItemStack(stack):get_name()] then
			found[#found + 1] = stack
		end
	end
	local names = {}
	for name, definition in pairs(core.registered_craftitems) do
		if #found == 0 and name ~= "" and shown(definition) then
			names[#names + 1] = name
		end
	end
	table.sort(names)
	for index = 1, math.min(FEWEST, #names) do
		found[#found + 1] = names[index] .. " 5"
	end
	return found
end

-- The things of one character, as an inventory that no window can reach into.
-- `list`: item strings; nil for those of somebody new.
function goods.open(character, list)
	local never = function() return 0 end
	local inventory = core.create_detached_inventory("npc_runtime:" .. character, {
		allow_move = never, allow_put = never, allow_take = never,
	})
	inventory:set_size("main", SLOTS)
	for _, stack in ipairs(list or usual()) do
		inventory:add_item("main", ItemStack(stack))
	end
	return inventory
end

-- What is in an inventory: a list of {item, name, count}, in order and each item once.
function goods.list(inventory)
	local found, places = {}, {}
	for _, stack in ipairs(inventory and inventory:get_list("main") or {}) do
		local item = stack:get_name()
		if item ~= "" and places[item] then
			local one = found[places[item]]
			one.count = one.count + stack:get_count()
		elseif item ~= "" then
			places[item] = #found + 1
			found[#found + 1] = {item = item, name = goods.name(stack), count = stack:get_count()}
		end
	end
	return found
end

-- Description → the name in it: cleaning it takes longer than all else that is told of an item.
local names, known = {}, 0

-- What people call an item.
function goods.name(stack)
	local description = stack:get_short_description()
	local name = names[description]
	if not name then
		name = mod.text.plain(description)
		if known >= MOST_NAMES then -- players can write descriptions, too
			names, known = {}, 0
		end
		names[description], known = name, known + 1
	end
	return name ~= "" and name or stack:get_name()
end

-- "3 apples" would need a language; "3 × Apple" does not.
function goods.amount(item, count)
	local name = goods.name(ItemStack(item))
	return count == 1 and name or count .. " × " .. name
end

-- Which of several things words are about: the one whose name is in them, the longest name first; nil if none is.
function goods.named(list, words)
	local said, best = " " .. mod.text.folded(words):gsub("[%p%s]+", " ") .. " ", nil
	for _, one in ipairs(list) do
		local name = mod.text.folded(one.name):gsub("[%p%s]+", " ")
		if said:find(" " .. name, 1, true) and (not best or #one.name > #best.name) then
			best = one
		end
	end
	return best
end

-- Moves up to `count` items from one inventory to another, one by one, so that tools keep their wear.
-- Returns how many, and why not all: "gone" or "no room". What has properties of its own needs a place of its own, which
-- shows only when it is put there.
function goods.move(item, count, from, to)
	local one = ItemStack(item)
	for moved = 0, count - 1 do
		if not from:contains_item("main", one) then
			return moved, "gone"
		elseif not to:room_for_item("main", one) then
			return moved, "no room"
		end
		local left = to:add_item("main", from:remove_item("main", one))
		if not left:is_empty() then
			from:add_item("main", left)
			return moved, "no room"
		end
	end
	return count
end
