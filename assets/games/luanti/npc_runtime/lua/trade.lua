-- The window in which a character sells: goods on top, the player's things below.
local mod = ...
local core = core or minetest
local trade = {}
mod.trade = trade

local FORM = "npc_runtime:trade"
local COLUMNS, REACH = 8, 6
-- Player name → character id.
local open = {}

-- What a thing costs this player: an item, or nil where they have nothing to pay with.
local function price(player)
	local currency = mod.settings.currency
	if currency ~= "" and core.registered_items[currency] then
		return currency
	end
	local held = player:get_wielded_item()
	return not held:is_empty() and held:get_name() or nil
end

local function window(player, person)
	local coin = price(player)
	local pays = coin and "Each costs one of: " .. mod.goods.name(ItemStack(coin))
		or "Take in your hand what you want to give for it."
	local parts = {
		"formspec_version[4]size[10.75,11]",
		"label[0.5,0.6;", core.formspec_escape(person.title .. " sells"), "]",
		"label[0.5,1.1;", core.formspec_escape(pays), "]",
	}
	for index, one in ipairs(mod.goods.list(person.goods)) do
		local column, row = (index - 1) % COLUMNS, math.floor((index - 1) / COLUMNS)
		local left, top = 0.5 + column * 1.25, 1.5 + row * 1.6
		parts[#parts + 1] = ("item_image_button[%.2f,%.2f;1.1,1.1;%s;buy_%d;]label[%.2f,%.2f;%d]"):format(
			left, top, core.formspec_escape(one.item), index, left + 0.4, top + 1.3, one.count)
		parts[#parts + 1] = ("tooltip[buy_%d;%s]"):format(index, core.formspec_escape(one.name))
	end
	parts[#parts + 1] = "list[current_player;main;0.5,4.9;8,4;]button_exit[3.9,9.9;3,0.8;done;Done]"
	return table.concat(parts)
end

-- Whether the player stands near enough to a person to trade.
local function near(player, person)
	return vector.distance(player:get_pos(), person.object:get_pos()) <= REACH
end

-- Opens the window. Returns whether, or else why not.
function trade.show(player, person)
	if #mod.goods.list(person.goods) == 0 then
		return false, person.title .. " has nothing left to sell."
	elseif not near(player, person) then
		return false, player:get_player_name() .. " is too far away."
	end
	local name = player:get_player_name()
	open[name] = person.character
	core.show_formspec(name, FORM, window(player, person))
	return true
end

local function buy(player, person, one)
	local coin, own = price(player), player:get_inventory()
	if not coin or coin == one.item then
		return
	end
	local name = player:get_player_name()
	if mod.goods.move(coin, 1, own, person.goods) == 0 then
		return mod.tell(name, "You have nothing to pay with.")
	elseif mod.goods.move(one.item, 1, person.goods, own) == 0 then
		mod.goods.move(coin, 1, person.goods, own)
		return mod.tell(name, "You cannot carry more.")
	end
	mod.talk.happened(name, person, "bought", {item = one.name})
end

core.register_on_player_receive_fields(function(player, form, fields)
	if form ~= FORM then
		return false
	end
	local name = player:get_player_name()
	local person = mod.persons[open[name] or ""]
	if fields.quit or not person or not near(player, person) then
		open[name] = nil
		return true
	end
	for index, one in ipairs(mod.goods.list(person.goods)) do
		if fields["buy_" .. index] then
			buy(player, person, one)
			core.show_formspec(name, FORM, window(player, person))
			return true
		end
	end
	return true
end)

core.register_on_leaveplayer(function(player)
	open[player:get_player_name()] = nil
end)
