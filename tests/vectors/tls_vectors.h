/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_TLS_VECTORS_H
#define FL_TESTS_TLS_VECTORS_H

/* Published vectors of AEADs and of TLS 1.3 records, in hexadecimal. */

/* One direction of RFC 8448 section 3, its records in the order they were sent. */
struct rfc8448_record {
	uint8_t type;
	const char *plain; /* NULL: not checked */
	const char *wire;
};

#define RFC8448_CLIENT_HANDSHAKE_SECRET \
	"b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"
#define RFC8448_CLIENT_SECRET "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
#define RFC8448_CLIENT_KEY "17422dda596ed5d9acd890e3c63f5051"
#define RFC8448_CLIENT_IV "5b78923dee08579033e523d9"
#define RFC8448_SERVER_SECRET "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"
#define RFC8448_SERVER_KEY "9f02283b6c9c07efc26bb9f2ac92e356"
#define RFC8448_SERVER_IV "cf782b88dd83549aadf1e984"
#define RFC8448_DATA                                                                               \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b" \
	"2c2d2e2f3031"

static const struct rfc8448_record rfc8448_client_handshake[] = {
	{ 22, "14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61",
	  "170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46de"
	  "b384bd1caeacab6867d726c40546" },
};

static const struct rfc8448_record rfc8448_client[] = {
	{ 23, RFC8448_DATA,
	  "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a"
	  "20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4" },
	{ 21, "0100", "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3" },
};

static const struct rfc8448_record rfc8448_server[] = {
	{ 22, NULL, /* NewSessionTicket */
	  "17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c7"
	  "58db289a015940252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1"
	  "b6c0d4a3d03f75e09c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc1"
	  "81a77ca475840025db2f0a77f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f6"
	  "50db4d023e70e952ca49fe5137121c74bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779"
	  "b37bf15985684f" },
	{ 23, RFC8448_DATA,
	  "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb"
	  "501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d" },
	{ 21, "0100", "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9" },
};

struct aead_vector {
	const char *name;
	int cipher;
	const char *key, *nonce, *aad, *plain, *sealed, *tag;
};

#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_NONCE "cafebabefacedbaddecaf888"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_PLAIN60                                                                                \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e24" \
	"49a6b525b16aedf5aa0de657ba637b39"
#define GCM_SEALED60_128                                                                           \
	"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5a" \
	"ac84aa051ba30b396a0aac973d58e091"
#define GCM_SEALED60_256                                                                           \
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10" \
	"56828838c5f61e6393ba7a0abcc9f662"

/* The GCM submission to NIST (McGrew, Viega), appendix B, and RFC 8439 2.8.2. */
static const struct aead_vector aead_vectors[] = {
	{ "GCM 1", AEAD_AES128_GCM, "00000000000000000000000000000000", "000000000000000000000000",
	  "", "", "", "58e2fccefa7e3061367f1d57a4e7455a" },
	{ "GCM 2", AEAD_AES128_GCM, "00000000000000000000000000000000", "000000000000000000000000",
	  "", "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
	  "ab6e47d42cec13bdf53a67b21257bddf" },
	{ "GCM 3", AEAD_AES128_GCM, GCM_KEY, GCM_NONCE, "", GCM_PLAIN60 "1aafd255",
	  GCM_SEALED60_128 "473f5985", "4d5c2af327cd64a62cf35abd2ba6fab4" },
	{ "GCM 4", AEAD_AES128_GCM, GCM_KEY, GCM_NONCE, GCM_AAD, GCM_PLAIN60, GCM_SEALED60_128,
	  "5bc94fbc3221a5db94fae95ae7121a47" },
	{ "GCM 15", AEAD_AES256_GCM, GCM_KEY GCM_KEY, GCM_NONCE, "", GCM_PLAIN60 "1aafd255",
	  GCM_SEALED60_256 "898015ad", "b094dac5d93471bdec1a502270e3cc6c" },
	{ "GCM 16", AEAD_AES256_GCM, GCM_KEY GCM_KEY, GCM_NONCE, GCM_AAD, GCM_PLAIN60,
	  GCM_SEALED60_256, "76fc6ece0f4e1768cddf8853bb2d551b" },
	{ "RFC 8439", AEAD_CHACHA20_POLY1305,
	  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	  "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
	  "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966"
	  "204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f72207468652066757475"
	  "72"
	  "652c2073756e73637265656e20776f756c642062652069742e",
	  "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69"
	  "da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad67594"
	  "5585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116",
	  "1ae10b594f09e26a7e902ecbd0600691" },
};

#endif
