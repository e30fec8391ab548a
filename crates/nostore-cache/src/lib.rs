//! Law: what a shared cache does with a response, and which fields make it do the right thing.
