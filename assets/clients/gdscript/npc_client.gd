## A game's side of the npc-runtime protocol for Godot 4: one file, nothing else needed.
##
## [codeblock]
## var npc := NpcClient.new()
## npc.hello = {"player": {"id": "p1", "name": "Tamsin"}}
## npc.on("welcome", func(_message): npc.talk("brynja"); npc.tell("Can you mend my sword?"))
## npc.on("say", func(say): $Subtitle.text = say.text)
## npc.perform("give_item", func(args, _action): return inventory.give(args.item))
## add_child(npc)
## npc.open()
## [/codeblock]
##
## JSON numbers arrive as floats: use [code]int(message.turn)[/code] where a whole number is
## needed.
class_name NpcClient
extends Node

## Return this from an action that takes time, and call [method result] when it is over.
const LATER := {"status": "later"}

const FIRST_WAIT := 0.5
const LONGEST_WAIT := 8.0
const BUFFER_BYTES := 16 << 20
const PACKETS := 4096

## Where the runtime listens.
var url := "ws://127.0.0.1:8910/v1/ws"
## What the runtime was started with, if it listens beyond this machine.
var token := ""
## Fields of the hello: player, audio, visemes, face, save.
var hello := {}
## Whether to connect again when the runtime is gone.
var reconnect := true
## What the runtime said in its welcome; empty while there is no session.
var welcome := {}

var _socket: WebSocketPeer
var _greeted := false
var _wanted := false
var _wait := FIRST_WAIT
var _left := 0.0
var _handlers := {}
var _actions := {}
var _permission := func(_action: Dictionary) -> bool: return false


## What an action returns that the game will not do.
static func refused(why: String) -> Dictionary:
	return {"status": "refused", "message": why}


## What an action returns that did not work.
static func failed(why: String) -> Dictionary:
	return {"status": "failed", "message": why}


func _process(delta: float) -> void:
	if _socket != null:
		_poll()
	elif _wanted:
		_left -= delta
		if _left <= 0.0:
			open()


# ---- what the game wants to know ----


## Call a function for every message of a type ([code]say[/code], [code]emotion[/code],
## [code]turn.end[/code], …; [code]*[/code] for all of them), and for [code]audio[/code] (message,
## PackedByteArray of 16-bit mono samples), [code]problem[/code] (text: something could not be
## understood) and [code]closed[/code] (reason, whether it connects again). [code]welcome[/code]
## comes after every connect, the first and later ones: describe the scene there.
func on(type: String, handler: Callable) -> void:
	if not _handlers.has(type):
		_handlers[type] = []
	_handlers[type].append(handler)


## How an action is done: a function of (args, action), which may await. What it returns is its
## result: a string, a number, a bool, nothing, [constant LATER], [method refused] or [method
## failed]. [code]*[/code] stands for every action without a handler of its own.
func perform(action_name: String, handler: Callable) -> void:
	_actions[action_name] = handler


## Whether an action that asks first may be done: a function of (action). Nothing may unless you
## say so.
func permit(handler: Callable) -> void:
	_permission = handler


# ---- the connection ----


## Connect, and stay connected until [method close]. An older connection says goodbye, and nothing
## more of it is handed out.
func open() -> void:
	_leave()
	welcome = {}
	_wanted = true
	_greeted = false
	_socket = WebSocketPeer.new()
	_socket.inbound_buffer_size = BUFFER_BYTES
	_socket.outbound_buffer_size = BUFFER_BYTES
	_socket.max_queued_packets = PACKETS
	if token != "":
		_socket.handshake_headers = PackedStringArray(["Authorization: Bearer " + token])
	if _socket.connect_to_url(url) != OK:
		_lost("no such address")


## Say goodbye; [code]closed[/code] follows.
func close() -> void:
	var paused := _wanted and _socket == null
	_wanted = false
	_leave()
	if paused:
		_emit("closed", ["closed", false])


## Send any message of the protocol; fields that are null are left out. Returns whether there is a
## session to take it.
func send(type: String, fields := {}) -> bool:
	if _socket == null or _socket.get_ready_state() != WebSocketPeer.STATE_OPEN:
		return false
	var message := {"type": type}
	for key: String in fields:
		if fields[key] != null:
			message[key] = fields[key]
	return _socket.send_text(JSON.stringify(message)) == OK


# ---- what the game has to say (CONTRACT 4.1) ----


## What is around the player: location, time, facts, entities (id, name, tags, distance),
## characters (id, distance).
func scene(around: Dictionary) -> bool:
	return send("scene", around)


func update_scene(changes: Dictionary) -> bool:
	return send("scene.update", changes)


func talk(character: String) -> bool:
	return send("talk.start", {"character": character})


func leave(character: String) -> bool:
	return send("talk.stop", {"character": character})


## The player says something in writing.
func tell(text: String, to: Variant = null) -> bool:
	return send("player.text", {"text": text, "to": to})


## The player speaks: then [method microphone] again and again, and [method listen_stop] if it was
## push to talk.
func listen(rate: int, mode := "push_to_talk") -> bool:
	return send("listen.start", {"rate": rate, "mode": mode})


## 16-bit mono samples.
func microphone(pcm: PackedByteArray) -> bool:
	return not welcome.is_empty() and _socket.send(pcm) == OK


func listen_stop() -> bool:
	return send("listen.stop")


## Something happened in the game.
func event(event_name: String, params := {}, to: Variant = null) -> bool:
	return send("game.event", {"name": event_name, "params": params, "to": to})


## How an action went, for those that return LATER: status is done, failed or refused.
func result(id: String, status: String, value: Variant = null, message: Variant = null) -> bool:
	return send("action.result", {"id": id, "status": status, "result": value, "message": message})


## How much of a turn the player has heard.
func played(turn: int, milliseconds: float, done := false) -> bool:
	return send("playback", {"turn": turn, "played_ms": milliseconds, "done": done})


func interrupt(turn: Variant = null) -> bool:
	return send("interrupt", {"turn": turn})


func save(slot: String) -> bool:
	return send("save", {"slot": slot})


func load_slot(slot: String) -> bool:
	return send("load", {"slot": slot})


# ---- inside ----


func _leave() -> void:
	send("bye")
	if _socket != null:
		_socket.close(1000)


func _poll() -> void:
	var socket := _socket  # a handler may put another one in its place
	socket.poll()
	var state := socket.get_ready_state()
	if state == WebSocketPeer.STATE_OPEN and not _greeted:
		_greeted = true
		var first := {"protocol": 1, "client": {"name": "npc_client.gd", "version": "1"}}
		first.merge(hello, true)
		send("hello", first)
	while socket == _socket and socket.get_available_packet_count() > 0:
		var packet := socket.get_packet()
		_receive(packet, socket.was_string_packet())
	if state == WebSocketPeer.STATE_CLOSED and socket == _socket:
		_lost(socket.get_close_reason())


func _receive(packet: PackedByteArray, is_text: bool) -> void:
	var header := packet
	var pcm := PackedByteArray()
	if not is_text:
		# The length of the header (4 bytes, little-endian), the header as JSON, 16-bit mono samples.
		if packet.size() < 4 or packet.decode_u32(0) > packet.size() - 4:
			_emit("problem", ["not understood: a binary message that is cut off"])
			return
		var length := packet.decode_u32(0)
		header = packet.slice(4, 4 + length)
		pcm = packet.slice(4 + length)
	var text := header.get_string_from_utf8()
	if not is_text and text.to_utf8_buffer() != header:
		_emit("problem", ["not understood: a binary message that is not UTF-8"])
		return
	var json := JSON.new()
	if json.parse(text) != OK:
		_emit("problem", ["not understood: " + json.get_error_message()])
		return
	var message: Variant = json.data
	if not (message is Dictionary and message.get("type") is String):
		_emit("problem", ["not understood: a message without a type"])
		return
	if message.type == "welcome":
		welcome = message
		_wait = FIRST_WAIT
	_emit("*", [message])
	_emit(message.type, [message])
	if not is_text:
		_emit("audio", [message, pcm])
	if message.type == "action":
		_act(message)


func _act(action: Dictionary) -> void:
	var session: Variant = welcome.get("session")
	if action.needs_confirm:
		# A question, not yet a deed: once it is allowed, the same action comes again without
		# needs_confirm.
		var allow: bool = await _permission.call(action)
		if session == welcome.get("session"):
			send("action.confirm", {"id": action.id, "allow": allow})
		return
	var outcome: Variant = failed("This game cannot do " + action.name + ".")
	var handler: Variant = _actions.get(action.name, _actions.get("*"))
	if handler != null:
		outcome = await handler.call(action.args, action)
	if not (outcome is Dictionary and outcome.has("status")):
		outcome = {"status": "done", "result": outcome}
	if outcome.status == "later" or session != welcome.get("session"):
		return
	if action.needs_result or outcome.status != "done" or outcome.get("result") != null:
		result(action.id, outcome.status, outcome.get("result"), outcome.get("message"))


func _lost(reason: String) -> void:
	_socket = null
	welcome = {}
	var again := _wanted and reconnect
	_wanted = again
	_left = _wait
	_wait = minf(_wait * 2.0, LONGEST_WAIT)
	_emit("closed", [reason, again])


func _emit(type: String, what: Array) -> void:
	for handler: Callable in _handlers.get(type, []):
		handler.callv(what)
