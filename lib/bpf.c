/* SPDX-License-Identifier: BSD-3-Clause */
#include "bpf.h"

/* The parts of a step's code, and what they may be, as all implementations have them. */
enum {
	CLASS = 0x07,
	LD = 0,
	LDX = 1,
	ST = 2,
	STX = 3,
	ALU = 4,
	JMP = 5,
	RET = 6,
	MISC = 7,
	SIZE = 0x18,
	W = 0x00,
	H = 0x08,
	B = 0x10,
	MODE = 0xe0,
	IMM = 0x00,
	ABS = 0x20,
	IND = 0x40,
	MEM = 0x60,
	LEN = 0x80,
	MSH = 0xa0,
	OP = 0xf0,
	X = 0x08, /* the operand is register X, not k */
	ADD = 0x00,
	SUB = 0x10,
	MUL = 0x20,
	DIV = 0x30,
	OR = 0x40,
	AND = 0x50,
	LSH = 0x60,
	RSH = 0x70,
	NEG = 0x80,
	MOD = 0x90,
	XOR = 0xa0,
	JA = 0x00,
	JEQ = 0x10,
	JGT = 0x20,
	JGE = 0x30,
	JSET = 0x40,
	RET_A = 0x10,
	TAX = 0x00,
	TXA = 0x80,
	CELLS = 16,
};

/* ---- before it runs ---- */

static bool load_valid(const struct bpf_step *s)
{
	switch (s->code & ~CLASS) {
	case W | ABS:
	case H | ABS:
	case B | ABS:
	case W | IND:
	case H | IND:
	case B | IND:
		return (s->code & CLASS) == LD;
	case B | MSH:
		return (s->code & CLASS) == LDX;
	case W | IMM:
	case W | LEN:
		return true;
	case W | MEM:
		return s->k < CELLS;
	default:
		return false;
	}
}

static bool alu_valid(const struct bpf_step *s)
{
	const uint16_t op = s->code & OP;

	if ((s->code & ~(CLASS | X | OP)) || op > XOR)
		return false;
	if ((op == DIV || op == MOD) && !(s->code & X))
		return s->k != 0;
	return true;
}

/* left: steps behind this one. */
static bool jump_valid(const struct bpf_step *s, uint32_t left)
{
	if (s->code == (JMP | JA))
		return s->k < left;
	if ((s->code & ~(CLASS | X | OP)) || (s->code & OP) < JEQ || (s->code & OP) > JSET)
		return false;
	return s->jt < left && s->jf < left;
}

static bool step_valid(const struct bpf_step *s, uint32_t left)
{
	switch (s->code & CLASS) {
	case LD:
	case LDX:
		return load_valid(s);
	case ST:
	case STX:
		return (s->code & ~CLASS) == 0 && s->k < CELLS;
	case ALU:
		return alu_valid(s);
	case JMP:
		return jump_valid(s, left);
	case RET:
		return s->code == RET || s->code == (RET | RET_A);
	default:
		return s->code == (MISC | TAX) || s->code == (MISC | TXA);
	}
}

bool bpf_valid(const struct bpf_step *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!step_valid(&p[i], n - 1 - i))
			return false;
	return n > 0 && (p[n - 1].code & CLASS) == RET;
}

/* ---- while it runs ---- */

struct machine {
	const uint8_t *pkt;
	uint32_t len, have;
	uint32_t a, x, cell[CELLS];
};

/* size bytes at `at`, in network order. False: they are not there. */
static bool fetch(const struct machine *m, uint64_t at, uint16_t size, uint32_t *out)
{
	const uint32_t n = size == W ? 4 : size == H ? 2 : 1;

	if (at + n > m->have)
		return false;
	*out = 0;
	for (uint32_t i = 0; i < n; i++)
		*out = *out << 8 | m->pkt[at + i];
	return true;
}

static bool load(struct machine *m, const struct bpf_step *s, uint32_t *out)
{
	uint32_t v = 0;

	switch (s->code & MODE) {
	case ABS:
		return fetch(m, s->k, s->code & SIZE, out);
	case IND: /* the sum is of 32 bits, as elsewhere */
		return (uint64_t)m->x + s->k <= UINT32_MAX &&
		       fetch(m, (uint64_t)m->x + s->k, s->code & SIZE, out);
	case MSH: /* the length of an IPv4 header */
		if (!fetch(m, s->k, B, &v))
			return false;
		*out = (v & 15) << 2;
		return true;
	case MEM:
		*out = m->cell[s->k];
		return true;
	case LEN:
		*out = m->len;
		return true;
	default:
		*out = s->k;
		return true;
	}
}

/* False: a division by 0. */
static bool calculate(struct machine *m, const struct bpf_step *s)
{
	const uint32_t v = s->code & X ? m->x : s->k;

	switch (s->code & OP) {
	case ADD:
		m->a += v;
		break;
	case SUB:
		m->a -= v;
		break;
	case MUL:
		m->a *= v;
		break;
	case DIV:
	case MOD:
		if (v == 0)
			return false;
		m->a = (s->code & OP) == DIV ? m->a / v : m->a % v;
		break;
	case OR:
		m->a |= v;
		break;
	case AND:
		m->a &= v;
		break;
	case LSH:
		m->a = v < 32 ? m->a << v : 0;
		break;
	case RSH:
		m->a = v < 32 ? m->a >> v : 0;
		break;
	case NEG:
		m->a = -m->a;
		break;
	case XOR:
		m->a ^= v;
		break;
	}
	return true;
}

/* How many steps are passed over. */
static uint32_t jump(const struct machine *m, const struct bpf_step *s)
{
	const uint32_t v = s->code & X ? m->x : s->k;
	bool so = false;

	switch (s->code & OP) {
	case JA:
		return s->k;
	case JEQ:
		so = m->a == v;
		break;
	case JGT:
		so = m->a > v;
		break;
	case JGE:
		so = m->a >= v;
		break;
	case JSET:
		so = m->a & v;
		break;
	}
	return so ? s->jt : s->jf;
}

uint32_t bpf_run(const struct bpf_step *p, const uint8_t *pkt, uint32_t len, uint32_t have)
{
	struct machine m = { .pkt = pkt, .len = len, .have = have };

	for (;; p++) {
		switch (p->code & CLASS) {
		case LD:
		case LDX:
			if (!load(&m, p, (p->code & CLASS) == LD ? &m.a : &m.x))
				return 0;
			break;
		case ST:
			m.cell[p->k] = m.a;
			break;
		case STX:
			m.cell[p->k] = m.x;
			break;
		case ALU:
			if (!calculate(&m, p))
				return 0;
			break;
		case JMP:
			p += jump(&m, p);
			break;
		case RET:
			return p->code & RET_A ? m.a : p->k;
		case MISC:
			if (p->code & TXA)
				m.a = m.x;
			else
				m.x = m.a;
			break;
		}
	}
}
