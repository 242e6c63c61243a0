//! What identity refuses.

use crate::kernel::problem::Problem;

/// 401, in the same words whether the user exists or not.
pub fn invalid_credentials() -> Problem {
    Problem::new(401, "invalid_credentials", "用户名或密码不正确", "Wrong user name or password")
        .detail("用户名或密码不正确，或账号已停用。请核对后重试。", "The user name or password is wrong, or the account is closed. Check and try again.")
}

/// 401 for an access token that is not good.
pub fn invalid_token() -> Problem {
    Problem::new(401, "unauthenticated", "登录已失效", "The login is no longer good")
        .detail("访问令牌无效、已过期，或登录已结束。请刷新令牌或重新登录。", "The access token is invalid or has run out, or the login was ended. Refresh the token or log in again.")
}

/// 401 for a refresh token that is not good; one used twice has ended the login.
pub fn invalid_refresh_token() -> Problem {
    Problem::new(401, "invalid_refresh_token", "刷新令牌无效", "Invalid refresh token")
        .detail("刷新令牌无效、已用过或已过期。请重新登录。", "The refresh token is unknown, was used before or has run out. Log in again.")
}

/// 429 after failed logins from this address on this account.
pub fn login_delayed(seconds: u32) -> Problem {
    Problem::new(429, "login_delayed", "登录失败次数过多", "Too many failed logins").detail(format!("请在 {seconds} 秒后再试。"), format!("Try again in {seconds} seconds.")).retry_after(seconds)
}

/// 422 for a password that breaks a rule.
pub fn weak_password(zh: &str, en: &str) -> Problem {
    Problem::new(422, "weak_password", "密码不符合要求", "The password breaks a rule").detail(zh, en).field("/new_password", "weak_password", zh, en)
}

/// 409: the user name is somebody's.
pub fn username_taken() -> Problem {
    Problem::new(409, "username_taken", "用户名已被使用", "The user name is taken").detail("请换一个用户名。", "Choose another user name.")
}

/// 409: the person has an account in the district.
pub fn person_has_account() -> Problem {
    Problem::new(409, "person_has_account", "此人已有账号", "The person already has an account")
        .detail("同一人在一个区只能有一个账号。请在已有账号上授予角色。", "A person has one account in a district. Grant the role to the existing account.")
}

/// 409: another ID number is recorded for the account.
pub fn id_number_recorded() -> Problem {
    Problem::new(409, "id_number_recorded", "已登记另一身份证号", "Another ID number is recorded").detail(
        "此账号已登记身份证号，与所给的不同；登记后不能更改。请核对；账号如属他人，请停用此账号，另开账号。",
        "The account has an ID number already, another than this one, and it cannot be changed. Check it; where the account is somebody else's, close it and make another.",
    )
}

/// 409: a role that another excludes needs a person who is known.
pub fn person_unknown(role: &str) -> Problem {
    Problem::new(409, "person_unknown", "账号未登记身份证号", "The person is not known").detail(
        format!("角色 {role} 有不相容岗位或须由另一人办理的环节，须知道账号属于何人，以防一人用两个账号兼办。请先登记此账号的身份证号（PATCH /users/{{id}} 的 id_number，只保存其密钥散列），再授予或确认。"),
        format!("The role {role} excludes others or takes a second person's part, so it must be known whose account it is: one person could do both under two accounts. Record the account's ID number first (id_number of PATCH /users/{{id}}; only a keyed hash is kept), then grant or confirm."),
    )
}

/// 422: the role does not sit at this level.
pub fn wrong_level(role: &str, level: &str) -> Problem {
    let (zh, en) = (format!("角色 {role} 只能设在{level}一级"), format!("The role {role} sits at the level {level}"));
    Problem::new(422, "wrong_level", "角色与单位级别不符", "The role does not sit at this level").detail(zh.clone(), en.clone()).field("/unit_id", "wrong_level", zh, en)
}

/// 409: two roles that one person must not hold in one street.
pub fn incompatible_roles(held: &str, asked: &str) -> Problem {
    Problem::new(409, "incompatible_roles", "不相容岗位", "Incompatible roles").detail(
        format!("此人在同一街道已任 {held}，不得再任 {asked}（会计法第三十五条）。请先结束原角色或另选他人。"),
        format!("The person already holds {held} in this street and must not hold {asked} as well (Accounting Law art. 35). End that role first or choose somebody else."),
    )
}

/// 403: nobody grants a role to oneself.
pub fn own_role() -> Problem {
    Problem::separation_of_duties("授予角色 / grant", "被授予人 / grantee")
}

/// 403: who confirms and who granted must not be one another's making.
pub fn administrator_of_the_granter() -> Problem {
    Problem::new(403, "separation_of_duties", "不相容职务须分离", "Separation of duties").detail(
        "您与授予此角色的管理员之间，一方的账号或角色出自另一方，不能由您确认。请由另一位管理员确认。",
        "Of you and the administrator who granted this role, one made the other's account or role, so you cannot confirm it. Another administrator must do it.",
    )
}

/// 401: the password is right, and the account has a second factor.
pub fn totp_required() -> Problem {
    Problem::new(401, "totp_required", "需要动态验证码", "A one-time code is needed")
        .detail("该账号已启用动态验证码。请在 totp 字段提供验证码或一个恢复码。", "This account has a second factor. Send the code, or a recovery code, in the field totp.")
}

/// 409: the second factor is already on.
pub fn totp_already_on() -> Problem {
    Problem::new(409, "totp_already_on", "动态验证码已启用", "The second factor is already on").detail("如要更换，请先停用。", "Turn it off first to change it.")
}

/// 422: the code does not fit.
pub fn wrong_totp_code() -> Problem {
    let (zh, en) = ("验证码不正确或已用过，请核对手机时间后重试。", "The code is wrong or was used already. Check the clock of your phone and try the next one.");
    Problem::new(422, "wrong_totp_code", "验证码不正确", "Wrong code").detail(zh, en).field("/code", "wrong_totp_code", zh, en)
}

/// 422: too few different people could take it further.
pub fn no_eligible_actor(step: &str) -> Problem {
    Problem::new(422, "no_eligible_actor", "没有可办理后续步骤的人员", "Too few people could act next").detail(
        format!("从提交到办结，每一步须由不同的人办理；“{step}”等步骤没有足够的人员。请先由管理员授予并确认相应角色。"),
        format!("From its submission on, each step takes another person; there are too few for “{step}” and the steps beside it. Have an administrator grant and confirm the roles first."),
    )
}
