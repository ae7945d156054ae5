## Everything a game does with a character, in one go.
##
## As a program: [code]godot --headless --script example.gd -- ws://127.0.0.1:8910/v1/ws[/code], in
## a project that has npc_client.gd beside it.
extends SceneTree

const Client := preload("npc_client.gd")
const LINE := "Can you mend my sword? Grüße, 剣!"
const MORE := "Tell me about the mine."

var npc := Client.new()
## The turns that answer LINE and MORE.
var asked := -1
var told := -1


func _initialize() -> void:
	var given := OS.get_cmdline_user_args()
	if not given.is_empty():
		npc.url = given[0]
	npc.hello = {
		"player": {"id": "tamsin", "name": "Tamsin"},
		"audio": {"out": "binary", "rate": 22050},
		"visemes": "oculus",
	}
	npc.on("welcome", _on_welcome)
	npc.on("turn.begin", _on_turn_begin)
	npc.on("say", _on_say)
	npc.on("visemes", _on_visemes)
	npc.on("audio", _on_audio)
	npc.on("speech.stop", func(_message: Dictionary) -> void: print("stop playing"))
	npc.on("event", func(message: Dictionary) -> void: print("event: ", message.name))
	npc.on("turn.end", _on_turn_end)
	npc.perform("give_item", _give_item)
	npc.perform("open_door", _open_door)
	npc.permit(func(action: Dictionary) -> bool: return action.name == "open_door")
	npc.on("saved", func(message: Dictionary) -> void: npc.load_slot(message.slot))
	npc.on("loaded", _on_loaded)
	npc.on("error", func(message: Dictionary) -> void: print("error: ", message.code))
	npc.on("problem", func(_text: String) -> void: print("problem"))
	npc.on("closed", _on_closed)
	root.add_child(npc)
	npc.open()
	create_timer(60.0).timeout.connect(npc.close)


func _on_welcome(message: Dictionary) -> void:
	asked = -1
	told = -1
	var names: Array = message.characters.map(func(each: Dictionary) -> String: return each.name)
	print("connected: ", ", ".join(names))
	var sword := {"id": "iron_sword", "name": "iron sword", "tags": ["weapon"], "distance": 1}
	var shield := {"id": "oak_shield", "name": "oak shield", "tags": ["armor"], "distance": 2.5}
	var brynja := {"id": "brynja", "distance": 1.5, "looking_at_player": true}
	npc.scene({"location": "smithy", "entities": [sword, shield], "characters": [brynja]})
	npc.talk("brynja")
	npc.tell(LINE, "brynja")


func _on_turn_begin(message: Dictionary) -> void:
	if message.reply_to == LINE:
		asked = int(message.turn)
	if message.reply_to == MORE:
		told = int(message.turn)


func _on_say(message: Dictionary) -> void:
	print("subtitle: ", message.text)
	if int(message.turn) == told:
		npc.interrupt(told)


func _on_visemes(message: Dictionary) -> void:
	print("mouth: ", message.frames.size(), " shapes")


func _on_audio(message: Dictionary, pcm: PackedByteArray) -> void:
	var samples := pcm.size() / 2
	print("sound: ", samples, " samples")
	var stream := AudioStreamWAV.new()  # a game gives it to an AudioStreamPlayer3D
	stream.format = AudioStreamWAV.FORMAT_16_BITS
	stream.mix_rate = int(message.rate)
	stream.data = pcm
	# A game says this when it has played them.
	npc.played(int(message.turn), message.start_ms + samples * 1000.0 / message.rate)


func _on_turn_end(message: Dictionary) -> void:
	print("turn: ", message.reason)
	if int(message.turn) == asked:
		npc.event("storm_begins", {"strength": 3})
		npc.tell(MORE, "brynja")
	elif int(message.turn) == told:
		npc.save("first")


func _give_item(args: Dictionary, _action: Dictionary) -> String:
	print("action: give ", args.item)
	return "gave " + args.item


func _open_door(_args: Dictionary, _action: Dictionary) -> void:
	print("action: open the door")


func _on_loaded(message: Dictionary) -> void:
	print("saved and loaded: ", message.slot)
	npc.close()


func _on_closed(_reason: String, again: bool) -> void:
	print("connection lost" if again else "closed")
	if not again:
		quit()
