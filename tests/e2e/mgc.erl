#!/usr/bin/env escript
%%! -noshell
%% SPDX-License-Identifier: BSD-3-Clause
%% A controller of H.248 by erlang-megaco: mgc.erl ADDRESS PORT pretty|compact [udp|tcp]. Its parser judges every
%% byte of the gateway.
%%
%% Reads lines: actions of a transaction as text, "\n" for a line end. Writes lines, likewise:
%%   registered METHOD VERSION   a gateway's ServiceChange, which is answered well
%%   reply TEXT                  what came back, as its own encoder writes it
%%   failed TERM                 no reply, or an error in place of one
%%   notify TERM                 a request of the gateway, which is answered well
%%   wrong TERM                  something of the gateway that is none
-module(mgc).
-mode(compile).
-export([main/1]).
-export([handle_connect/3, handle_disconnect/4, handle_syntax_error/4, handle_message_error/4,
	 handle_trans_request/4, handle_trans_long_request/4, handle_trans_reply/5, handle_trans_ack/5,
	 handle_unexpected_trans/4, handle_trans_request_abort/5, handle_segment_reply/6]).

main([Address, Port, Form]) -> main([Address, Port, Form, "udp"]);
main([Address, Port, Form, Transport]) ->
	logger:set_primary_config(level, error),
	{ok, Ip} = inet:parse_address(Address),
	Mid = {ip4Address, {'IP4Address', tuple_to_list(Ip), list_to_integer(Port)}},
	ok = megaco:start(),
	Timer = {megaco_incr_timer, 1000, 2, 0, 4},
	ok = megaco:start_user(Mid, [{user_mod, ?MODULE}, {user_args, [self()]}, {protocol_version, 3},
				     {strict_version, false}, {request_timer, Timer},
				     {long_request_timer, Timer}, {reply_timer, 30000}]),
	Encoder = case Form of
		"pretty" -> megaco_pretty_text_encoder;
		"compact" -> megaco_compact_text_encoder
	end,
	Module = case Transport of
		"udp" -> megaco_udp;
		"tcp" -> megaco_tcp
	end,
	Handle = setelement(3, setelement(4, setelement(5, megaco:user_info(Mid, receive_handle),
							Module), []), Encoder),
	ok = listen(Module, list_to_integer(Port), Handle, Ip),
	Main = self(),
	spawn_link(fun() -> lines(Main) end),
	loop(none).

listen(megaco_udp, Port, Handle, Ip) ->
	{ok, Sup} = megaco_udp:start_transport(),
	{ok, _, _} = megaco_udp:open(Sup, [{port, Port}, {receive_handle, Handle}, {udp_options, [{ip, Ip}]}]),
	ok;
listen(megaco_tcp, Port, Handle, Ip) ->
	{ok, Sup} = megaco_tcp:start_transport(),
	megaco_tcp:listen(Sup, [{port, Port}, {receive_handle, Handle}, {tcp_options, [{ip, Ip}]}]).

lines(Main) ->
	case io:get_line("") of
		eof -> halt(0);
		Line -> Main ! {line, string:trim(Line, trailing, "\n")}, lines(Main)
	end.

loop(Gateway) ->
	receive
		{registered, Handle, Method, Version} ->
			say("registered ~p ~p", [Method, Version]),
			loop(Handle);
		{notify, Term} ->
			say("notify ~0p", [Term]),
			loop(Gateway);
		{wrong, Term} ->
			say("wrong ~0p", [Term]),
			loop(Gateway);
		{line, Text} ->
			ask(Gateway, string:replace(Text, "\\n", "\n", all)),
			loop(Gateway)
	end.

say(Format, Args) ->
	Text = lists:flatten(io_lib:format(Format, Args)),
	io:put_chars([string:replace(Text, "\n", "\\n", all), "\n"]).

message(Body) ->
	{'MegacoMessage', asn1_NOVALUE,
	 {'Message', 3, {ip4Address, {'IP4Address', [127, 0, 0, 1], asn1_NOVALUE}}, {transactions, [Body]}}}.

ask(Gateway, Actions) ->
	Text = iolist_to_binary(["MEGACO/3 [127.0.0.1] Transaction = 1 { ", Actions, " }"]),
	case megaco_pretty_text_encoder:decode_message([], dynamic, Text) of
		{ok, {'MegacoMessage', _,
		      {'Message', _, _, {transactions, [{transactionRequest, Request}]}}}} ->
			call(Gateway, element(3, Request));
		Error ->
			say("failed ~0p", [Error])
	end.

call(Gateway, Actions) ->
	case megaco:call(Gateway, Actions, []) of
		{3, {ok, Replies}} ->
			Reply = {transactionReply, {'TransactionReply', 1, asn1_NOVALUE,
						    {actionReplies, Replies}, asn1_NOVALUE, asn1_NOVALUE}},
			{ok, Bytes} = megaco_compact_text_encoder:encode_message([], 3, message(Reply)),
			say("reply ~s", [Bytes]);
		Other ->
			say("failed ~0p", [Other])
	end.

%% ---- what the library calls ----

handle_connect(_, _, _) -> ok.
handle_disconnect(_, _, _, _) -> ok.
handle_syntax_error(_, _, Error, Main) -> Main ! {wrong, Error}, reply.
handle_message_error(_, _, Error, Main) -> Main ! {wrong, Error}, no_reply.
handle_trans_request(Handle, _, Actions, Main) when is_list(Actions) ->
	{discard_ack, [{'ActionReply', element(2, A), asn1_NOVALUE, asn1_NOVALUE,
			[answer(Handle, element(2, C), Main) || C <- element(5, A)]} || A <- Actions]};
handle_trans_request(_, _, Error, Main) ->
	Main ! {wrong, Error},
	{discard_ack, {'ErrorDescriptor', 500, "not understood"}}.
handle_trans_long_request(_, _, _, _) -> {discard_ack, {'ErrorDescriptor', 501, "none"}}.
handle_trans_reply(_, _, _, _, _) -> ok.
handle_trans_ack(_, _, _, _, _) -> ok.
handle_unexpected_trans(_, _, Trans, Main) -> Main ! {wrong, Trans}, ok.
handle_trans_request_abort(_, _, _, _, _) -> ok.
handle_segment_reply(_, _, _, _, _, _) -> ok.

answer(Handle, {serviceChangeReq, {'ServiceChangeRequest', Id, Parm}}, Main) ->
	Main ! {registered, Handle, element(2, Parm), element(4, Parm)},
	{{Y, Mo, D}, {H, Mi, S}} = calendar:universal_time(),
	Time = {'TimeNotation', lists:flatten(io_lib:format("~4..0w~2..0w~2..0w", [Y, Mo, D])),
		lists:flatten(io_lib:format("~2..0w~2..0w~2..0w00", [H, Mi, S]))},
	{serviceChangeReply, {'ServiceChangeReply', Id,
			      {serviceChangeResParms, {'ServiceChangeResParm', asn1_NOVALUE, asn1_NOVALUE, 3,
						       asn1_NOVALUE, Time}}}};
answer(_, {notifyReq, N}, Main) ->
	Main ! {notify, N},
	{notifyReply, {'NotifyReply', element(2, N), asn1_NOVALUE}}.
